"""POST /basket/accept-prices: take the present prices as seen."""

from starlette.requests import Request
from starlette.responses import Response

from basket import baskets
from basket.answers import basket_response, owner_of
from basket.database import database, idempotency
from basket.models import BasketAnswer
from eatit.database import Database, Transaction
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone
from eatit.http.documentation import described

router = endpoint_router()


@router.post(
    "/basket/accept-prices",
    tags=["basket"],
    summary="Accept the present prices",
    operation_id="accept_prices",
    response_model=BasketAnswer,
    openapi_extra=described(etag=True, localized=True, basket_token=True, idempotent=True),
)
async def accept_prices(request: Request, caller: Anyone) -> Response:
    """The prices as they stand now are seen by the basket's owner, and need no other consent."""
    owner = owner_of(request, caller)

    def accept(runner: Database | Transaction) -> Response:
        return basket_response(request, caller, baskets.accept_prices(runner, database, owner))

    if "idempotency-key" not in request.headers:
        return accept(database)
    return idempotency.post(request, owner.scope, accept)
