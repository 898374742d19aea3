"""Checkout: a basket becomes an order in one transaction: the price agreed on, stock reserved, lines frozen as sold."""

import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from basket import orders
from basket.baskets import Basket, basket_of
from basket.order_statements import OWED, PLACE, RESERVE
from basket.pricing import GONE, MISFIT, priced
from basket.statements import LOCK, READ
from eatit.database import Transaction
from eatit.errors import Conflict, Fault, Invalid
from eatit.identifiers import uuid7
from eatit.money import MAX_AMOUNT, quantity_text
from eatit.observability import trace_id
from eatit.outbox import adopt_written
from eatit.settings import settings

# Without what is taken for something else when it is read out. Random, so that nobody can count a shop's orders.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
NUMBER_LENGTH = 8
# The basket's group knows of no other: which are closed is the store's business.
OPEN_WAREHOUSE = ("open warehouse", "открытый склад")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a customer agrees to. `expected_total`: minor units, the basket's total as they saw it."""

    expected_total: int
    payment_method: str
    delivery: dict[str, Any]
    warehouse_id: UUID | None
    language: str


def check_out(transaction: Transaction, actor: orders.Actor, wanted: Wanted) -> orders.Order:
    """Make an order of the actor's basket, which is empty afterwards.

    Raises `Conflict`: `basket_empty`, `quantity_not_sold` (a product's step or bounds have changed), `price_changed`
    (the total is more than expected), `above_maximum_order`, `below_minimum_order`, `too_many_open_orders`,
    `out_of_stock`; and `Invalid`: the warehouse asked for isn't there, or is closed. The caller's transaction must end
    with it, since stock may be reserved by then.
    """
    basket = _locked_basket(transaction, actor.id)
    told = priced(basket, wanted.language)
    if not told["items"]:
        raise Conflict("basket_empty")
    misfits = [item for item in told["items"] if MISFIT in item["warnings"]]
    if misfits:
        lines = [{"product_id": str(item["product_id"]), "quantity": item["quantity"]} for item in misfits]
        raise Conflict("quantity_not_sold", extra={"lines": lines})
    if told["total"]["amount"] > MAX_AMOUNT:  # no consent can name it
        raise Conflict("above_maximum_order", extra={"maximum_order": {**told["total"], "amount": MAX_AMOUNT}})
    # Of all that is there, for a line that can't be sold is a shortage: nobody is to be charged for less than they saw.
    if told["total"]["amount"] > wanted.expected_total:
        raise Conflict("price_changed", extra={"total": told["total"]})
    # Where one can't, what is left may be too little: that is no fault of the buyer's, who is told of the shortage.
    least = told["minimum_order"] if all(item["warnings"] != GONE for item in told["items"]) else None
    if least and told["subtotal"]["amount"] - told["discount_total"]["amount"] < least["amount"]:
        raise Conflict("below_minimum_order", extra={"minimum_order": least})
    _may_owe_one_more(transaction, actor.id, wanted)
    order_id = uuid7()
    warehouse_id = _reserve(transaction, order_id, told["items"], wanted)
    _place(transaction, order_id, actor, basket, told, wanted, warehouse_id)
    adopt_written(transaction)
    order = orders.order_by_id(transaction, order_id)
    orders.tell(transaction, order, "placed")
    return order


def order_number() -> str:
    """A random number, such as `7K3M-Q9TX`, of 6.5 × 10^11."""
    signs = "".join(secrets.choice(ALPHABET) for _ in range(NUMBER_LENGTH))
    return f"{signs[:4]}-{signs[4:]}"


def _locked_basket(transaction: Transaction, user_id: UUID | None) -> Basket:
    """The user's basket, held until the transaction's end, and only then read: whoever was at it has ended."""
    owner = {"user": user_id}
    transaction.rows(LOCK["user"], owner)
    rows = transaction.rows(READ["user"], owner)
    if not rows:
        raise Conflict("basket_empty")
    return basket_of(rows)


def _may_owe_one_more(transaction: Transaction, user_id: UUID | None, wanted: Wanted) -> None:
    """Raises `Conflict` (`too_many_open_orders`). The basket's lock lets no other checkout of the user by."""
    most = settings().open_cash_orders
    if most and wanted.payment_method == "cash":
        owed = transaction.rows(OWED, {"user": user_id})[0].orders
        if owed >= most:
            raise Conflict("too_many_open_orders", most=most, extra={"open_orders": owed})


def _reserve(transaction: Transaction, order_id: UUID, items: list[dict[str, Any]], wanted: Wanted) -> UUID:
    """Reserve all lines in one warehouse, which is given back.

    Raises `Invalid` (the one asked for isn't there, or is closed), `Conflict` (`out_of_stock`).
    """
    lines = [{"product_id": str(item["product_id"]), "quantity": item["quantity"]} for item in items]
    rows = transaction.rows(
        RESERVE,
        {
            "order": order_id,
            "lines": orjson.dumps(lines).decode(),
            "warehouse": wanted.warehouse_id,
            "latitude": wanted.delivery.get("latitude"),
            "longitude": wanted.delivery.get("longitude"),
            "trace": trace_id(),
        },
    )
    # What the basket takes for gone has no price: it isn't sold, whatever the store says by now.
    gone = {str(item["product_id"]): "0.000" for item in items if item["warnings"] == GONE}
    short = {str(row.product): quantity_text(row.available) for row in rows if not row.reserved}
    chosen: UUID = rows[0].in_warehouse
    if chosen is None and wanted.warehouse_id is not None:
        raise Invalid([Fault("/warehouse_id", "unknown_reference", {"what": OPEN_WAREHOUSE})])
    if gone or short:
        lacking = [{"product_id": product, "available": amount} for product, amount in {**short, **gone}.items()]
        raise Conflict("out_of_stock", extra={"warehouse_id": chosen and str(chosen), "lines": lacking})
    return chosen


def _place(
    transaction: Transaction,
    order_id: UUID,
    actor: orders.Actor,
    basket: Basket,
    told: dict[str, Any],
    wanted: Wanted,
    warehouse_id: UUID,
) -> None:
    kept = ("sku", "name", "photo_url", "unit", "quantity")
    lines = [
        {
            "position": position,
            "product_id": str(item["product_id"]),
            **{name: item[name] for name in kept},
            "price": item["price"]["amount"],
            "line_total": item["line_total"]["amount"],
        }
        for position, item in enumerate(told["items"], 1)
    ]
    given = {
        "order": order_id,
        "user": actor.id,
        "role": actor.role,
        "basket": basket.id,
        "payment_method": wanted.payment_method,
        "warehouse": warehouse_id,
        "currency": told["currency"],
        "subtotal": told["subtotal"]["amount"],
        "discount": told["discount_total"]["amount"],
        "fee": told["fee_total"]["amount"],
        "total": told["total"]["amount"],
        "delivery": orjson.dumps(wanted.delivery).decode(),
        "language": wanted.language,
        "lines": orjson.dumps(lines).decode(),
    }
    while not transaction.rows(PLACE, {**given, "number": order_number()}):
        pass  # the number is another order's: once in hundreds of thousands of orders, when there are as many
