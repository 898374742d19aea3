"""GET and DELETE /basket: the caller's basket."""

from starlette.requests import Request
from starlette.responses import Response

from basket import baskets
from basket.answers import basket_response, owner_of
from basket.database import database
from basket.models import BasketAnswer
from eatit.http.answers import expected_versions
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone
from eatit.http.documentation import described

router = endpoint_router()


@router.get(
    "/basket",
    tags=["basket"],
    summary="Get the basket",
    operation_id="get_basket",
    response_model=BasketAnswer,
    openapi_extra=described(etag=True, localized=True, basket_token=True),
)
async def get_basket(request: Request, caller: Anyone) -> Response:
    """The basket at present prices; an empty one where nothing was put in yet."""
    return basket_response(request, caller, baskets.read_basket(database, owner_of(request, caller)))


@router.delete(
    "/basket",
    tags=["basket"],
    summary="Empty the basket",
    operation_id="clear_basket",
    response_model=BasketAnswer,
    openapi_extra=described(etag=True, localized=True, basket_token=True),
)
async def clear_basket(request: Request, caller: Anyone) -> Response:
    """Take everything out."""
    expected = expected_versions(request)
    basket = baskets.remove_lines(database, owner_of(request, caller), expected=expected)
    return basket_response(request, caller, basket)
