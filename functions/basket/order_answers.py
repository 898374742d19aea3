"""How /basket answers of orders: an order, what was paid for it and given back, as the API shows them."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from basket.orders import Order, item_of, sums_of
from basket.payments.refunds import Payment, Refund
from eatit.http.answers import dump, entity

_PLACE = ("name", "phone", "address", "latitude", "longitude", "comment")


def order_answer(order: Order) -> dict[str, Any]:
    """An order."""
    return {
        "id": order.id,
        "number": order.number,
        "user_id": order.user_id,
        "status": order.status,
        "items": [item_of(line, order.currency) for line in order.lines],
        **sums_of(order),
        "currency": order.currency,
        "language": order.language,
        "delivery": {name: order.delivery.get(name) for name in _PLACE},
        "payment_method": order.payment_method,
        "payment_status": order.payment_status,
        "warehouse_id": order.warehouse_id,
        "history": order.history,
        "version": order.version,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
    }


def order_response(
    request: Request, order: Order, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """An order with its ETag."""
    return entity(request, dump(order_answer(order)), version=order.version, status=status, headers=headers)


def payment_answer(row: Payment) -> dict[str, Any]:
    """A payment."""
    own = {"id": row.id, "order_id": row.order_id, "provider": row.provider, "status": row.status}
    money = {"amount": row.amount, "currency": row.currency}
    return {**own, "amount": money, "invoice_url": row.invoice_url, "created_at": row.created_at}


def refund_answer(row: Refund) -> dict[str, Any]:
    """A refund."""
    own = {"id": row.id, "order_id": row.order_id, "payment_id": row.payment_id}
    money = {"amount": row.amount, "currency": row.currency}
    return {**own, "amount": money, "reason": row.reason, "by": row.actor_id, "created_at": row.created_at}
