"""PATCH and DELETE /basket/items/{product_id}: one line."""

import secrets
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from basket import baskets
from basket.answers import TOKEN_HEADER, basket_response, owner_of
from basket.database import database
from basket.models import BasketAnswer, ItemSet
from eatit.http.answers import expected_versions
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone
from eatit.http.documentation import described

router = endpoint_router()
PATH = "/basket/items/{product_id:uuid}"


@router.patch(
    PATH,
    tags=["basket"],
    summary="Set a line's quantity",
    operation_id="set_item",
    response_model=BasketAnswer,
    openapi_extra=described(
        "product_not_found", "invalid_quantity", "basket_full", etag=True, localized=True, basket_token=True
    ),
)
async def set_item(request: Request, product_id: UUID, body: ItemSet, caller: Anyone) -> Response:
    """Set the line's quantity; zero removes it."""
    owner, expected = owner_of(request, caller), expected_versions(request)
    if not body.quantity:
        basket = baskets.remove_lines(database, owner, product_id, expected=expected)
        return basket_response(request, caller, basket)
    new_token = secrets.token_urlsafe(32) if owner.kind == "nobody" else None
    basket = baskets.put_line(
        database, database, owner, product_id, body.quantity, add=False, expected=expected, new_token=new_token
    )
    return basket_response(request, caller, basket, {TOKEN_HEADER: new_token} if new_token else None)


@router.delete(
    PATH,
    tags=["basket"],
    summary="Take a line out",
    operation_id="remove_item",
    response_model=BasketAnswer,
    openapi_extra=described(etag=True, localized=True, basket_token=True),
)
async def remove_item(request: Request, product_id: UUID, caller: Anyone) -> Response:
    """Take the line out; one that isn't there is out already."""
    expected = expected_versions(request)
    basket = baskets.remove_lines(database, owner_of(request, caller), product_id, expected=expected)
    return basket_response(request, caller, basket)
