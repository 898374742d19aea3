"""Orders: who sees which, the states that one goes through, and what each step does to stock and payment.

A reservation lives exactly as long as its order: what is cancelled gives its stock back, what is delivered has sold it,
in the order's own transaction.
"""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from basket.order_statements import CHANGE, LOCK, READ, RELEASE, SELL, UNPAID, listed
from basket.payments import cash
from eatit.database import Database, Transaction
from eatit.errors import Conflict, Fault, Invalid, NotFound, check_version
from eatit.observability import trace_id
from eatit.outbox import adopt_written, emit
from eatit.paging import make_cursor, page_of, read_cursor
from eatit.security import Caller
from eatit.settings import settings

STATUSES = ("placed", "paid", "picking", "delivering", "delivered", "cancelled")
# Where an order may go from each state; one that is paid in cash may also be picked before it is paid.
NEXT: dict[str, tuple[str, ...]] = {
    "placed": ("paid", "cancelled"),
    "paid": ("picking", "cancelled"),
    "picking": ("delivering", "cancelled"),
    "delivering": ("delivered", "cancelled"),
    "delivered": (),
    "cancelled": (),
}
CANCELLED_BY_CUSTOMER = ("placed", "paid")
# What an order can't become whose `payment_status` staff may not make paid: in English and in Russian.
CASH_TAKEN = ("paid in cash", "оплату наличными")
SORT = "-id"
# A page ends with the order whose lines make it so many bytes: Lambda lets no answer out that has more than 6 MB in
# base64, and a hundred orders of two hundred lines have more.
PAGE_BYTES = 3_300_000
Order = Any  # a row of a statement of basket.order_statements, its columns as attributes


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something to an order: a user in a role, or the system itself, which has no id."""

    id: UUID | None
    role: str


SYSTEM = Actor(None, "system")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of orders is narrowed by; all of them together."""

    status: str | None = None
    payment_status: str | None = None
    payment_method: str | None = None
    warehouse: UUID | None = None
    user_id: UUID | None = None
    number: str | None = None

    def as_given(self) -> dict[str, Any]:
        """Those that are given, a number in the form in which it is kept."""
        given = {name: getattr(self, name) for name in self.__slots__ if getattr(self, name) is not None}
        if self.number is not None:
            given["number"] = "-".join(re.findall(".{1,4}", re.sub(r"[\s-]", "", self.number).upper()))
        return given


def actor_of(caller: Caller) -> Actor:
    """A signed-in caller as an actor."""
    return Actor(caller.user_id, caller.role.name)


def order_by_id(reader: Database | Transaction, order_id: UUID, viewer: Caller | None = None) -> Order:
    """The order, if the viewer may see it: its owner and staff may; `None` sees all. Raises `NotFound`."""
    rows = reader.rows(READ, {"order": order_id})
    if not rows or (viewer is not None and not viewer.is_staff and rows[0].user_id != viewer.user_id):
        raise NotFound
    return rows[0]


def list_orders(
    database: Database, viewer: Caller, filters: Filters, limit: int, cursor: str | None
) -> tuple[list[Order], str | None]:
    """A page of the orders that the viewer may see, the newest first; with fewer than `limit` where they are large.

    Raises `DomainError` (`invalid_cursor`).
    """
    given = filters.as_given()
    parameters: dict[str, Any] = {**given, "most": limit + 1}
    if not viewer.is_staff:
        parameters["owner"] = viewer.user_id
    if cursor is not None:
        (parameters["after"],) = read_cursor(cursor, SORT, given, [UUID])
    conditions = [name for name in parameters if name != "most"]
    rows, more = page_of(database.rows(listed(*conditions), parameters), limit)
    size = 0
    for place, row in enumerate(rows, 1):
        size += len(orjson.dumps([item_of(line, row.currency) for line in row.lines]))
        if size >= PAGE_BYTES and place < len(rows):
            rows, more = rows[:place], True
            break
    return list(rows), make_cursor(SORT, given, [rows[-1].id]) if more else None


def locked(transaction: Transaction, order_id: UUID, viewer: Caller | None) -> Order:
    """The order as it is, held until the transaction's end. Raises `NotFound`."""
    transaction.rows(LOCK, {"order": order_id})
    return order_by_id(transaction, order_id, viewer)


def change_order(
    transaction: Transaction, order_id: UUID, given: dict[str, Any], caller: Caller, expected: list[int] | None
) -> Order:
    """By staff: another `status`, or `payment_status` paid, which is cash taken; `reason` is kept with a status.

    Raises `Invalid` (a reason of nothing), `NotFound`, `Stale`, `Conflict` (`illegal_transition`).
    """
    if "reason" in given and "status" not in given:
        raise Invalid([Fault("/status", "missing")])
    order = locked(transaction, order_id, caller)
    check_version(order.version, expected)
    paid = order.payment_status
    if given.get("payment_status") == "paid" and paid != "paid":
        if "cancelled" in (order.status, given.get("status")) or paid != "unpaid" or order.payment_method != "cash":
            raise _illegal(order, CASH_TAKEN, present=given.get("status", order.status))
        paid = "paid"
    if "status" not in given:
        if paid == order.payment_status:
            return order
        return _changed(transaction, order, order.status, paid, actor_of(caller), None)
    return move(transaction, order, given["status"], actor_of(caller), reason=given.get("reason"), paid=paid)


def cancel_order(transaction: Transaction, order_id: UUID, caller: Caller, reason: str | None) -> Order:
    """By its owner while it is placed or paid, by staff until it is delivered.

    Raises `NotFound`, `Conflict` (`illegal_transition`).
    """
    order = locked(transaction, order_id, caller)
    if not caller.is_staff and order.status not in CANCELLED_BY_CUSTOMER:
        raise _illegal(order, "cancelled")
    return move(transaction, order, "cancelled", actor_of(caller), reason=reason, paid=order.payment_status)


def move(
    transaction: Transaction, order: Order, status: str, actor: Actor, *, reason: str | None = None, paid: str
) -> Order:
    """Take a locked order to another state, its stock with it. `paid`: what its payment status is by now.

    Raises `Conflict` (`illegal_transition`).
    """
    allowed = NEXT[order.status]
    if order.status == "placed" and order.payment_method == "cash":
        allowed = ("picking", *allowed)
    if status not in allowed:
        raise _illegal(order, status)
    if status in ("paid", "delivered") and paid == "unpaid":
        paid = "paid"
    stock = {"cancelled": RELEASE, "delivered": SELL}.get(status)
    if stock is not None:
        transaction.rows(stock, {"order": order.id, "trace": trace_id()})
        adopt_written(transaction)
    return _changed(transaction, order, status, paid, actor, reason)


def expire_one(transaction: Transaction, passed_over: list[UUID], at: list[UUID]) -> bool:
    """Cancel one online order whose time to be paid is over, none of `passed_over`; whether there was one. Its id is
    put into `at` before anything is tried."""
    due = transaction.rows(UNPAID, {"minutes": settings().payment_minutes, "passed_over": passed_over})
    if not due:
        return False
    at.append(due[0].id)
    order = order_by_id(transaction, due[0].id)
    move(transaction, order, "cancelled", SYSTEM, reason="not paid in time", paid=order.payment_status)
    return True


def _changed(transaction: Transaction, order: Order, status: str, paid: str, actor: Actor, reason: str | None) -> Order:
    if paid == "paid" and order.payment_status == "unpaid":
        cash.take(transaction, order, actor.id)
    moved = status != order.status
    return record(transaction, order, status, paid, actor, reason=reason, told=status if moved else "changed")


def record(
    transaction: Transaction, order: Order, status: str, paid: str, actor: Actor, *, reason: str | None, told: str
) -> Order:
    """Write what a locked order has become, and tell of it as `basket.order.<told>`; the order as it is now."""
    given = {"order": order.id, "status": status, "payment_status": paid, "moved": status != order.status}
    transaction.run(CHANGE, {**given, "actor": actor.id, "role": actor.role, "reason": reason})
    now = order_by_id(transaction, order.id)
    tell(transaction, now, told)
    return now


def tell(transaction: Transaction, order: Order, what: str) -> None:
    """Write the event `basket.order.<what>`: the order without whom it goes to, and where."""
    emit(transaction, f"basket.order.{what}", order.id, order.version, state_of(order))


def state_of(order: Order) -> dict[str, Any]:
    """What events say of an order: `user_id`, and no name, phone, address or words of anybody."""
    names = ("id", "user_id", "warehouse_id")
    plain = ("number", "status", "payment_method", "payment_status", "language", "version")
    return {
        **{name: str(getattr(order, name)) for name in names},
        **{name: getattr(order, name) for name in plain},
        **sums_of(order),
        "items": [item_of(line, order.currency) for line in order.lines],
        "created_at": order.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def sums_of(order: Order) -> dict[str, Any]:
    """An order's sums as Money, by the API's names."""
    amounts = {name: getattr(order, name) for name in ("subtotal", "discount_total", "fee_total", "total")}
    amounts["refunded_total"] = order.refunded
    return {name: {"amount": amount, "currency": order.currency} for name, amount in amounts.items()}


def item_of(line: dict[str, Any], currency: str) -> dict[str, Any]:
    """A line as it was sold."""
    prices = {name: {"amount": line[name], "currency": currency} for name in ("price", "line_total")}
    return {**line, **prices}


def _illegal(order: Order, wanted: str | tuple[str, str], present: str | None = None) -> Conflict:
    """`wanted` in both languages, where it isn't a state; `present`, where it isn't the order's but what was sent."""
    present = present or order.status
    return Conflict("illegal_transition", present=present, wanted=wanted, extra={"order_status": order.status})
