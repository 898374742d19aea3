"""POST /basket/orders/{id}/reorder: what was bought once, into the basket again."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from basket import orders, reorders
from basket.answers import basket_response
from basket.database import database, idempotency
from basket.models import ReorderedBasketAnswer
from eatit.database import Transaction
from eatit.errors import NotFound
from eatit.http.app import endpoint_router
from eatit.http.callers import SignedIn
from eatit.http.documentation import described

router = endpoint_router()


@router.post(
    "/basket/orders/{order_id:uuid}/reorder",
    tags=["orders"],
    summary="Buy the same again",
    operation_id="reorder",
    response_model=ReorderedBasketAnswer,
    openapi_extra=described(etag=True, localized=True, idempotent=True),
)
async def reorder(request: Request, order_id: UUID, caller: SignedIn) -> Response:
    """Add what is still sold of one of the caller's own orders to the basket, at present prices, and say what isn't
    (`skipped`) and of what there was less added than ordered (`adjusted`)."""
    order = orders.order_by_id(database, order_id, caller)
    if order.user_id != caller.user_id:
        raise NotFound

    def work(transaction: Transaction) -> Response:
        basket, skipped, adjusted = reorders.reorder(transaction, caller.user_id, order)
        return basket_response(request, caller, basket, skipped=skipped, adjusted=adjusted)

    return idempotency.post(request, str(caller.user_id), work)
