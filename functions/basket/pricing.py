"""What a basket costs at present prices, line by line, and what its owner should be warned of."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from basket.baskets import Basket, Line
from eatit.money import Money, line_total, quantity_text
from eatit.settings import settings

GONE = ["product_gone"]
# The product's step or bounds have changed since, or a guest's line was merged as it was.
MISFIT = "quantity_not_sold"


@dataclass(frozen=True, slots=True)
class Totals:
    """What a basket or an order comes to, in minor units."""

    subtotal: int
    discount: int
    fee: int

    @property
    def total(self) -> int:
        """What is charged."""
        return self.subtotal - self.discount + self.fee


def priced(basket: Basket, language: str) -> dict[str, Any]:
    """The basket as the API answers it: each line rounded once, half up; `total` is what checkout will charge.

    A line whose product is gone costs nothing, since it can't be bought.
    """
    configured = settings()
    currency = configured.currency
    # The default language's words are the product's own, as in the store's answers.
    translated = language if language != configured.default_language else None
    items = [_item(line, translated, currency) for line in basket.lines]
    sums = totals([item["line_total"]["amount"] for item in items if item["warnings"] != GONE])

    def money(amount: int) -> Money:
        return {"amount": amount, "currency": currency}

    return {
        "id": basket.id,
        "version": basket.version,
        "items": items,
        "subtotal": money(sums.subtotal),
        "discount_total": money(sums.discount),
        "fee_total": money(sums.fee),
        "total": money(sums.total),
        "currency": currency,
        "minimum_order": money(configured.minimum_order) if configured.minimum_order else None,
        "fee_free_from": money(configured.delivery_free_from) if configured.delivery_free_from else None,
        "warnings": [{"code": code, "product_id": item["product_id"]} for item in items for code in item["warnings"]],
        "updated_at": basket.updated_at,
    }


def totals(line_totals: Sequence[int]) -> Totals:
    """The sums of lines that can be sold, each rounded already. Delivery costs a flat fee, nothing from a sum on
    (settings DELIVERY_FEE and DELIVERY_FREE_FROM), and nothing where there is nothing to deliver."""
    subtotal, discount = sum(line_totals), 0
    free_from = settings().delivery_free_from
    free = not line_totals or (free_from and subtotal - discount >= free_from)
    return Totals(subtotal, discount, 0 if free else settings().delivery_fee)


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
        return GONE
    codes = []
    if price > line.price_seen:
        codes.append("price_rose")
    elif price < line.price_seen:
        codes.append("price_fell")
    if not line.in_steps:
        codes.append(MISFIT)
    available = line.available or Decimal(0)
    if available <= 0:
        codes.append("out_of_stock")
    elif available < line.quantity:
        codes.append("low_stock")
    return codes
