"""What a basket costs at present prices, line by line, and what its owner should be warned of."""

from decimal import Decimal
from typing import Any

from basket.baskets import Basket, Line
from eatit.money import Money, line_total, quantity_text
from eatit.settings import settings


def priced(basket: Basket, language: str) -> dict[str, Any]:
    """The basket as the API answers it: each line rounded once, half up; `total` is what checkout will charge.

    A line whose product is gone costs nothing, since it can't be bought.
    """
    currency = settings().currency
    # The default language's words are the product's own, as in the store's answers.
    translated = language if language != settings().default_language else None
    items = [_item(line, translated, currency) for line in basket.lines]
    subtotal = sum(item["line_total"]["amount"] for item in items)
    discount = fee = 0

    def money(amount: int) -> Money:
        return {"amount": amount, "currency": currency}

    return {
        "id": basket.id,
        "version": basket.version,
        "items": items,
        "subtotal": money(subtotal),
        "discount_total": money(discount),
        "fee_total": money(fee),
        "total": money(subtotal - discount + fee),
        "currency": currency,
        "warnings": [{"code": code, "product_id": item["product_id"]} for item in items for code in item["warnings"]],
        "updated_at": basket.updated_at,
    }


def _item(line: Line, translated: str | None, currency: str) -> dict[str, Any]:
    known = line.sku is not None
    sold = known and line.status == "active"
    price = line.price_amount if known else line.price_seen
    total = line_total(price, line.quantity) if sold else 0
    words = line.translations.get(translated, {}) if known and translated else {}
    return {
        "product_id": line.product_id,
        "sku": line.sku,
        "name": words.get("name") or line.name or "",
        "photo_url": line.photo_url,
        "unit": line.unit,
        "quantity": quantity_text(line.quantity),
        "price_seen": {"amount": line.price_seen, "currency": currency},
        "price": {"amount": price, "currency": currency},
        "line_total": {"amount": total, "currency": currency},
        "available": quantity_text(line.available or Decimal(0)) if sold else "0.000",
        "warnings": _warnings(line, price, sold=sold),
    }


def _warnings(line: Line, price: int, *, sold: bool) -> list[str]:
    if not sold:
        return ["product_gone"]
    codes = []
    if price > line.price_seen:
        codes.append("price_rose")
    elif price < line.price_seen:
        codes.append("price_fell")
    available = line.available or Decimal(0)
    if available <= 0:
        codes.append("out_of_stock")
    elif available < line.quantity:
        codes.append("low_stock")
    return codes
