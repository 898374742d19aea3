"""How /basket answers: whose basket a request means, and the basket as bytes."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from basket.baskets import Basket, Owner
from basket.pricing import priced
from eatit.http.answers import dump, entity
from eatit.http.languages import preferred_language
from eatit.security import Caller
from eatit.settings import settings

TOKEN_HEADER = "X-Basket-Token"  # noqa: S105


def owner_of(request: Request, caller: Caller | None) -> Owner:
    """The signed-in user, else the guest who holds the basket token, else nobody."""
    if caller is not None:
        return Owner(user_id=caller.user_id)
    return Owner(token=request.headers.get(TOKEN_HEADER) or None)


def language_of(request: Request, caller: Caller | None) -> str:
    """The language that a caller is answered in; staff see the default language."""
    default = settings().default_language
    staff = caller is not None and caller.is_staff
    return default if staff else preferred_language(request.headers.get("accept-language"), default)


def basket_response(
    request: Request,
    caller: Caller | None,
    basket: Basket,
    headers: dict[str, str] | None = None,
    **beside: Any,
) -> Response:
    """The basket at present prices, and what else is told `beside` it."""
    language = language_of(request, caller)
    varies = {"Vary": f"Accept-Language, Authorization, {TOKEN_HEADER}"}
    body = dump({**priced(basket, language), **beside})
    return entity(
        request, body, version=basket.version, varies=False, headers={**varies, **(headers or {})}, language=language
    )
