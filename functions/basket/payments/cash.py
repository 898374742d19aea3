"""Cash: taken when staff say so, at the door at the latest."""

from typing import Any

from basket.order_statements import PAY
from eatit.database import Transaction
from eatit.identifiers import uuid7


def take(transaction: Transaction, order: Any, actor_id: Any) -> None:
    """Write that the whole total of an order was taken in cash, and by whom."""
    given = {"id": uuid7(), "order": order.id, "amount": order.total, "currency": order.currency}
    transaction.run(PAY, {**given, "provider": "cash", "actor": actor_id})
