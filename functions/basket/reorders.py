"""Reordering: an order's lines go into the basket again, as far as they are still sold."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from basket.baskets import MAX_LINES, MAX_QUANTITY, Basket, Owner, basket_of
from basket.order_statements import MAKE, ORDERED, REFILL
from basket.orders import Order
from basket.statements import LOCK, READ
from eatit.database import Transaction
from eatit.identifiers import uuid7
from eatit.money import quantity_text

Told = dict[str, Any]


def reorder(transaction: Transaction, user_id: UUID, order: Order) -> tuple[Basket, list[Told], list[Told]]:
    """Add an order's lines to the user's basket → the basket, what was skipped, and what was adjusted.

    Skipped is `{"product_id", "code"}`: `product_gone`, `above_maximum` (the basket holds as much as may be),
    `below_minimum`, `basket_full`. Adjusted is `{"product_id", "from", "to", "code"}`: less than was ordered was added,
    for the same reasons or `not_a_multiple` of what is its step by now.
    """
    owner = Owner(user_id=user_id).parameters
    transaction.run(MAKE, {**owner, "new_id": uuid7()})
    transaction.rows(LOCK["user"], owner)
    lines = transaction.rows(ORDERED, {**owner, "order": order.id})
    wanted, skipped, adjusted = _what_goes_in(lines)
    if wanted:
        transaction.run(REFILL, {**owner, "lines": orjson.dumps(wanted).decode()})
    return basket_of(transaction.rows(READ["user"], owner)), skipped, adjusted


def _what_goes_in(lines: Sequence[Any]) -> tuple[list[Told], list[Told], list[Told]]:
    """Which lines get which quantity; `lines` stand beside the product as it is now and what the basket has of it."""
    wanted: list[Told] = []
    skipped: list[Told] = []
    adjusted: list[Told] = []
    room = MAX_LINES - (lines[0].held if lines else 0)
    for line in lines:
        there = line.there or Decimal(0)
        code, quantity = _quantity_of(line, there)
        if quantity > there and line.there is None and room <= 0:
            code, quantity = "basket_full", there
        product_id = str(line.product_id)
        if quantity <= there:
            skipped.append({"product_id": product_id, "code": code})
            continue
        room -= line.there is None
        wanted.append({"product_id": product_id, "quantity": str(quantity), "price": line.price_amount})
        if code is not None:
            told = {"from": quantity_text(line.ordered), "to": quantity_text(quantity - there), "code": code}
            adjusted.append({"product_id": product_id, **told})
    return wanted, skipped, adjusted


def _quantity_of(line: Any, there: Decimal) -> tuple[str | None, Decimal]:
    """What the basket's line becomes, and why it isn't all that was ordered more."""
    if line.status != "active":
        return "product_gone", there
    whole = there + line.ordered
    most = MAX_QUANTITY if line.max_quantity is None else line.max_quantity
    quantity = min(whole, most)
    quantity -= quantity % line.quantity_step
    if quantity < line.min_quantity:
        return "below_minimum", there
    if quantity == whole:
        return None, quantity
    return "above_maximum" if whole > most else "not_a_multiple", quantity
