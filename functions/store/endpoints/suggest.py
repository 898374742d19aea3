"""GET /store/suggest: what may be meant, while it is being typed."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from eatit.http.answers import dump, page
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone
from eatit.http.documentation import described
from eatit.http.shapes import ParameterText
from eatit.settings import settings
from store.answers import audience_of, language_of
from store.database import database
from store.search_models import SuggestionList
from store.suggestions import Suggestion, suggest

router = endpoint_router()
Typed = Annotated[
    ParameterText,
    Field(min_length=2, max_length=200),
    Query(description="What has been typed, from two characters on."),
]


@router.get(
    "/store/suggest",
    tags=["search"],
    summary="Suggest products and categories",
    operation_id="suggest",
    response_model=SuggestionList,
    openapi_extra=described(localized=True),
)
async def suggest_products(request: Request, caller: Anyone, q: Typed) -> Response:
    """Up to ten names of what is on sale that begin so, or that a word in them begins so; those most like it where none
    does. Categories come first."""
    language = language_of(audience_of(request, caller))
    found = suggest(database, q, "" if language == settings().default_language else language)
    return page(dump({"items": [_answer(one) for one in found]}), language=language)


def _answer(one: Suggestion) -> dict[str, Any]:
    if one.category_id is not None:
        return {"text": one.text, "category_id": one.category_id}
    return {"text": one.text, "product_id": one.product_id}
