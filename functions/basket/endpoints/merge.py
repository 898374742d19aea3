"""POST /basket/merge: put a guest's basket into one's own."""

from starlette.requests import Request
from starlette.responses import Response

from basket import baskets
from basket.answers import basket_response
from basket.database import database, idempotency
from basket.models import BasketMerge, MergedBasketAnswer
from eatit.database import Database, Transaction
from eatit.http.app import endpoint_router
from eatit.http.callers import SignedIn
from eatit.http.documentation import described

router = endpoint_router()


@router.post(
    "/basket/merge",
    tags=["basket"],
    summary="Merge a guest's basket",
    operation_id="merge_basket",
    response_model=MergedBasketAnswer,
    openapi_extra=described(etag=True, localized=True, idempotent=True),
)
async def merge_basket(request: Request, body: BasketMerge, caller: SignedIn) -> Response:
    """Put the guest's lines into the caller's own basket, and end the guest's. A token that is unknown, or merged
    already, changes nothing."""

    def merge(runner: Database | Transaction) -> Response:
        basket, merged = baskets.merge(runner, database, caller.user_id, body.basket_token, body.policy)
        return basket_response(request, caller, basket, merged=merged)

    if "idempotency-key" not in request.headers:
        return merge(database)
    return idempotency.post(request, str(caller.user_id), merge)
