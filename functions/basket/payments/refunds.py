"""Money given back: all of a payment or a part of it, never more than was paid."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from basket import orders
from basket.order_statements import PAYMENTS, REFUND, REFUNDS
from eatit.database import Database, Transaction
from eatit.errors import Conflict, NotFound
from eatit.identifiers import uuid7
from eatit.security import Caller

Payment = Any  # rows, their columns as attributes
Refund = Any


def payments_of(reader: Database | Transaction, order: orders.Order) -> Sequence[Payment]:
    """What was paid for an order, the oldest first."""
    return reader.rows(PAYMENTS, {"order": order.id})


def refunds_of(reader: Database | Transaction, order: orders.Order) -> Sequence[Refund]:
    """What was given back for an order, the oldest first."""
    return reader.rows(REFUNDS, {"order": order.id})


def refund_by_id(reader: Database | Transaction, order: orders.Order, refund_id: UUID) -> Refund:
    """One of an order's refunds. Raises `NotFound`."""
    found = [refund for refund in refunds_of(reader, order) if refund.id == refund_id]
    if not found:
        raise NotFound
    return found[0]


def refund(transaction: Transaction, order_id: UUID, caller: Caller, amount: int | None, reason: str) -> Refund:
    """Write that `amount` minor units were given back in cash; all that is left, where it is `None`.

    Raises `NotFound`, `Conflict` (`not_paid`, `refund_too_large`).
    """
    order = orders.locked(transaction, order_id, caller)
    paid = next((payment for payment in payments_of(transaction, order) if payment.status == "paid"), None)
    if paid is None:
        raise Conflict("not_paid")
    left = paid.amount - order.refunded
    given = left if amount is None else amount
    if not 0 < given <= left:
        raise Conflict("refund_too_large", extra={"refundable": {"amount": left, "currency": order.currency}})
    actor, identifier = orders.actor_of(caller), uuid7()
    row = {"id": identifier, "order": order.id, "payment": paid.id, "amount": given, "currency": order.currency}
    transaction.run(REFUND, {**row, "reason": reason, "actor": actor.id, "whole": given == left})
    status = "refunded" if given == left else order.payment_status
    orders.record(transaction, order, order.status, status, actor, reason=None, told="changed")
    return refund_by_id(transaction, order, identifier)
