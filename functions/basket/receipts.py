"""An order as a page to be printed, in Russian or English: what was bought, for how much, and where it goes.

It isn't a fiscal receipt: those come from a cash register.
"""

from html import escape
from typing import Any

from basket.amounts import amount_text
from basket.orders import Order

_WORDS: dict[str, dict[str, str]] = {
    "ru": {
        "order": "Заказ", "placed": "Оформлен", "status": "Состояние", "payment": "Оплата", "name": "Получатель",
        "phone": "Телефон", "address": "Адрес", "comment": "Комментарий", "item": "Товар", "sku": "Артикул",
        "quantity": "Количество", "price": "Цена", "sum": "Сумма", "subtotal": "Товары", "discount_total": "Скидка",
        "fee_total": "Доставка", "total": "Итого", "refunded_total": "Возвращено", "cash": "наличными",
        "telegram": "через Telegram", "unpaid": "не оплачен", "paid": "оплачен", "refunded": "деньги возвращены",
        "order.placed": "оформлен", "order.paid": "оплачен", "order.picking": "собирается",
        "order.delivering": "в пути", "order.delivered": "доставлен", "order.cancelled": "отменён",
        "note": "Это не кассовый чек.",
    },
    "en": {
        "order": "Order", "placed": "Placed", "status": "Status", "payment": "Payment", "name": "Recipient",
        "phone": "Phone", "address": "Address", "comment": "Comment", "item": "Item", "sku": "SKU",
        "quantity": "Quantity", "price": "Price", "sum": "Sum", "subtotal": "Goods", "discount_total": "Discount",
        "fee_total": "Delivery", "total": "Total", "refunded_total": "Given back", "cash": "cash",
        "telegram": "by Telegram", "unpaid": "unpaid", "paid": "paid", "refunded": "refunded",
        "order.placed": "placed", "order.paid": "paid", "order.picking": "being picked",
        "order.delivering": "on its way", "order.delivered": "delivered", "order.cancelled": "cancelled",
        "note": "This is not a fiscal receipt.",
    },
}  # fmt: skip
_UNITS = {"ru": {"kg": "кг", "g": "г", "l": "л", "ml": "мл", "piece": "шт."}, "en": {"piece": "pcs"}}
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 0 1rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0 0 1.5rem }
dt { color: #666 } dd { margin: 0; overflow-wrap: anywhere }
table { width: 100%; border-collapse: collapse } th, td { padding: .4rem .3rem; text-align: left; vertical-align: top }
th { color: #666; font-weight: normal; border-bottom: 1px solid #999 } tbody td { border-bottom: 1px solid #ddd }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
td.name { overflow-wrap: anywhere } small { color: #666; display: block } tfoot tr.total td { font-weight: bold }
p { color: #666; margin-top: 1.5rem }
@media print { body { margin: 0; max-width: none; font-size: 12px } tr { break-inside: avoid } }
@page { margin: 15mm }
"""
CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def receipt(order: Order, language: str) -> bytes:
    """The page. Names stand in the language in which the order was placed, all other words in `language`."""
    words = _WORDS[language]

    def money(amount: int) -> str:
        return escape(amount_text(amount, order.currency, language))

    facts = [
        ("placed", order.created_at.strftime("%Y-%m-%d %H:%M UTC")),
        ("status", words[f"order.{order.status}"]),
        ("payment", f"{words[order.payment_method]}, {words[order.payment_status]}"),
        *((name, order.delivery.get(name)) for name in ("name", "phone", "address", "comment")),
    ]
    told = "".join(f"<dt>{words[name]}</dt><dd><bdi>{escape(value)}</bdi></dd>" for name, value in facts if value)
    lines = "".join(_line(line, language, money(line["price"]), money(line["line_total"])) for line in order.lines)
    sums = {name: getattr(order, name) for name in ("subtotal", "discount_total", "fee_total", "total")}
    shown = {name: amount for name, amount in sums.items() if amount or name in ("subtotal", "total")}
    if order.refunded:
        shown["refunded_total"] = order.refunded
    totals = "".join(
        f'<tr class="{name}"><td colspan="3">{words[name]}</td>'
        f'<td class="n">{"−" if name == "discount_total" else ""}{money(amount)}</td></tr>'
        for name, amount in shown.items()
    )
    title = f"{words['order']} {escape(order.number)}"
    heads = "".join(
        f"<th{'' if name == 'item' else ' class=n'}>{words[name]}</th>" for name in ("item", "quantity", "price", "sum")
    )
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="robots" content="noindex">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<dl>{told}</dl>\n"
        f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>{lines}</tbody>\n<tfoot>{totals}</tfoot>\n</table>\n"
        f"<p>{words['note']}</p>\n</body>\n</html>\n"
    ).encode()


def _line(line: dict[str, Any], language: str, price: str, total: str) -> str:
    unit = _UNITS[language].get(line["unit"], line["unit"])
    quantity = line["quantity"].rstrip("0").rstrip(".")
    if language == "ru":
        quantity = quantity.replace(".", ",")
    return (
        f'<tr><td class="name"><bdi>{escape(line["name"])}</bdi><small>{_WORDS[language]["sku"]} '
        f'{escape(line["sku"])}</small></td><td class="n">{quantity} {escape(unit)}</td>'
        f'<td class="n">{price}</td><td class="n">{total}</td></tr>'
    )
