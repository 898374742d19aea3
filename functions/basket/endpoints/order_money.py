"""GET /basket/orders/{id}/payments, GET and POST …/refunds: what was paid for an order, and given back."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from basket import orders
from basket.database import database, idempotency
from basket.order_answers import payment_answer, refund_answer
from basket.order_models import PaymentList, RefundAnswer, RefundCreate, RefundList
from basket.payments import refunds
from eatit.database import Transaction
from eatit.http.answers import JSON, dump, page
from eatit.http.app import endpoint_router
from eatit.http.callers import SignedIn, Staff
from eatit.http.documentation import described

router = endpoint_router()
PAYMENTS = "/basket/orders/{order_id:uuid}/payments"
REFUNDS = "/basket/orders/{order_id:uuid}/refunds"


@router.get(
    PAYMENTS,
    tags=["orders"],
    summary="List an order's payments",
    operation_id="list_payments",
    response_model=PaymentList,
    openapi_extra=described(),
)
async def list_payments(order_id: UUID, caller: SignedIn) -> Response:
    """What was paid for one of the caller's own orders; for staff, anybody's."""
    found = refunds.payments_of(database, orders.order_by_id(database, order_id, caller))
    return page(dump({"items": [payment_answer(row) for row in found], "next_cursor": None}), personal=True)


@router.get(
    REFUNDS,
    tags=["orders"],
    summary="List an order's refunds",
    operation_id="list_refunds",
    response_model=RefundList,
    openapi_extra=described(),
)
async def list_refunds(order_id: UUID, caller: SignedIn) -> Response:
    """What was given back of one of the caller's own orders; for staff, of anybody's."""
    found = refunds.refunds_of(database, orders.order_by_id(database, order_id, caller))
    return page(dump({"items": [refund_answer(row) for row in found], "next_cursor": None}), personal=True)


@router.post(
    REFUNDS,
    tags=["orders"],
    summary="Give money back",
    operation_id="refund_order",
    status_code=201,
    response_model=RefundAnswer,
    openapi_extra=described("not_paid", "refund_too_large", idempotent=True),
)
async def refund_order(request: Request, order_id: UUID, body: RefundCreate, caller: Staff) -> Response:
    """Write that money was given back: `amount`, or all that is left of what was paid. It stands for ever."""
    amount = body.amount.amount if body.amount is not None else None

    def work(transaction: Transaction) -> Response:
        row = refunds.refund(transaction, order_id, caller, amount, body.reason)
        headers = {"Location": f"/basket/orders/{order_id}/refunds/{row.id}"}
        return Response(dump(refund_answer(row)), 201, headers=headers, media_type=JSON)

    return idempotency.post(request, str(caller.user_id), work)


@router.get(
    f"{REFUNDS}/{{refund_id:uuid}}",
    tags=["orders"],
    summary="Get a refund",
    operation_id="get_refund",
    response_model=RefundAnswer,
    openapi_extra=described(),
)
async def get_refund(order_id: UUID, refund_id: UUID, caller: SignedIn) -> Response:
    """One refund of one of the caller's own orders; for staff, of anybody's."""
    order = orders.order_by_id(database, order_id, caller)
    return page(dump(refund_answer(refunds.refund_by_id(database, order, refund_id))), personal=True)
