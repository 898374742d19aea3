"""GET and PATCH /basket/orders/{id}, POST …/cancel: one order."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from basket import orders
from basket.database import database, idempotency
from basket.order_answers import order_response
from basket.order_models import OrderAnswer, OrderCancel, OrderChange
from eatit.database import Transaction
from eatit.http.answers import expected_versions
from eatit.http.app import endpoint_router
from eatit.http.callers import SignedIn, Staff
from eatit.http.documentation import described

router = endpoint_router()
PATH = "/basket/orders/{order_id:uuid}"


@router.get(
    PATH,
    tags=["orders"],
    summary="Get an order",
    operation_id="get_order",
    response_model=OrderAnswer,
    openapi_extra=described(etag=True),
)
async def get_order(request: Request, order_id: UUID, caller: SignedIn) -> Response:
    """One of the caller's own orders; for staff, anybody's."""
    return order_response(request, orders.order_by_id(database, order_id, caller))


@router.patch(
    PATH,
    tags=["orders"],
    summary="Move an order on",
    operation_id="change_order",
    response_model=OrderAnswer,
    openapi_extra=described("illegal_transition", etag=True),
)
async def change_order(request: Request, order_id: UUID, body: OrderChange, caller: Staff) -> Response:
    """Take an order along placed → paid → picking → delivering → delivered, or cancel it before it is delivered. One
    that is paid in cash may be picked before; `payment_status` `paid` says that its cash was taken."""
    expected = expected_versions(request)
    order = database.transaction(
        lambda transaction: orders.change_order(transaction, order_id, body.given(), caller, expected)
    )
    return order_response(request, order)


@router.post(
    f"{PATH}/cancel",
    tags=["orders"],
    summary="Cancel an order",
    operation_id="cancel_order",
    response_model=OrderAnswer,
    openapi_extra=described("illegal_transition", etag=True, idempotent=True),
)
async def cancel_order(request: Request, order_id: UUID, caller: SignedIn, body: OrderCancel | None = None) -> Response:
    """Call one's own order off while it is placed or paid; staff may until it is delivered. Its stock goes back."""
    reason = body.reason if body is not None else None

    def work(transaction: Transaction) -> Response:
        return order_response(request, orders.cancel_order(transaction, order_id, caller, reason))

    return idempotency.post(request, str(caller.user_id), work)
