"""POST /basket/items: put something in."""

import secrets

from starlette.requests import Request
from starlette.responses import Response

from basket import baskets
from basket.answers import TOKEN_HEADER, basket_response, owner_of
from basket.database import database, idempotency
from basket.models import BasketAnswer, ItemAdd
from eatit.database import Database, Transaction
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone
from eatit.http.documentation import described

router = endpoint_router()


@router.post(
    "/basket/items",
    tags=["basket"],
    summary="Put something in",
    operation_id="add_item",
    response_model=BasketAnswer,
    openapi_extra=described(
        "product_not_found",
        "invalid_quantity",
        "basket_full",
        etag=True,
        localized=True,
        basket_token=True,
        idempotent=True,
    ),
)
async def add_item(request: Request, body: ItemAdd, caller: Anyone) -> Response:
    """Add to the line. A caller with neither token gets a guest's basket, its secret in `X-Basket-Token`."""
    owner = owner_of(request, caller)
    new_token = secrets.token_urlsafe(32) if owner.kind == "nobody" else None

    def put(runner: Database | Transaction) -> Response:
        basket = baskets.put_line(
            runner, database, owner, body.product_id, body.quantity, add=True, new_token=new_token
        )
        return basket_response(request, caller, basket, {TOKEN_HEADER: new_token} if new_token else None)

    if "idempotency-key" not in request.headers or owner.scope is None:
        return put(database)
    return idempotency.post(request, owner.scope, put)
