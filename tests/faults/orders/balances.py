"""What must hold of some goods whatever happened: the ledger, the balances, the reservations and the orders agree."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any


def balance(sql: Any, thing: str) -> tuple[Any, Any]:
    """What of a product lies everywhere, and what of it is reserved."""
    row = sql.execute("SELECT sum(on_hand), sum(reserved) FROM store.stock WHERE product_id = %s", [thing]).fetchone()
    return row[0], row[1]


def ledger(sql: Any, thing: str) -> Decimal:
    """What lies everywhere by the product's movements; a transfer moves nothing in or out."""
    row = sql.execute(
        "SELECT coalesce(sum(CASE WHEN kind IN ('write_off', 'sale') THEN -quantity WHEN kind = 'transfer' THEN 0"
        " ELSE quantity END), 0) FROM store.movements WHERE product_id = %s",
        [thing],
    ).fetchone()
    return Decimal(row[0])


def ordered(sql: Any, thing: str, *statuses: str) -> Decimal:
    """How much of a product stands in the lines of orders in these states."""
    row = sql.execute(
        "SELECT coalesce(sum(l.quantity), 0) FROM basket.order_lines l JOIN basket.orders o ON o.id = l.order_id"
        " WHERE l.product_id = %s AND o.status = ANY(%s)",
        [thing, list(statuses)],
    ).fetchone()
    return Decimal(row[0])


def assert_adds_up(sql: Any, things: Sequence[str]) -> None:
    """The ledger makes the balance, open orders what is reserved, delivered ones the sales."""
    for thing in things:
        on_hand, reserved = balance(sql, thing)
        assert ledger(sql, thing) == on_hand
        assert ordered(sql, thing, "placed", "paid", "picking", "delivering") == reserved
        sold = sql.execute(
            "SELECT coalesce(sum(quantity), 0) FROM store.movements WHERE product_id = %s AND kind = 'sale'", [thing]
        ).fetchone()[0]
        assert ordered(sql, thing, "delivered") == sold
        assert 0 <= reserved <= on_hand
