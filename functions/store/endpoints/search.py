"""GET /store/search: products by their words."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from eatit.http.answers import dump, page
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone
from eatit.http.documentation import described
from eatit.http.parameters import Cursor, Limit
from eatit.http.shapes import Id, ParameterText
from store.answers import audience_of, language_of, product_answer
from store.database import database
from store.highlights import Highlights
from store.search import STEPS, Found, search
from store.search_models import SearchAnswer

router = endpoint_router()
Asked = Annotated[
    ParameterText,
    Field(min_length=1, max_length=200),
    Query(description='Words; `"in this order"`, `-without`, `this or that`. The last may be only begun.'),
]


@router.get(
    "/store/search",
    tags=["search"],
    summary="Search the products",
    operation_id="search_products",
    response_model=SearchAnswer,
    openapi_extra=described(localized=True),
)
async def search_products(
    request: Request, caller: Anyone, q: Asked, category: Id | None = None, limit: Limit = 20, cursor: Cursor = None
) -> Response:
    """What matches, the best first, in Russian and English and whatever the words' endings, and what the matches are by
    category, price and allergen. A query that nothing matches is corrected, if the shop has words like its own."""
    audience = audience_of(request, caller)
    staff, language = audience == "staff", language_of(audience)
    found = search(database, q, category, staff=staff, language=language, limit=limit, cursor=cursor)
    return page(dump(_answer(found, audience)), language=language)


def _answer(found: Found, audience: str) -> dict[str, Any]:
    items = [(product_answer(row, audience), score) for row, score in found.rows]
    texts = [item[name] for item, _ in items for name in ("name", "description", "composition")]
    highlights = Highlights(database, found.query, texts)
    for item, score in items:
        item["score"] = score
        snippet = highlights.snippet(item["description"], item["composition"])
        item["highlights"] = {"name": highlights.whole(item["name"]), "snippet": snippet}
    body: dict[str, Any] = {
        "items": [item for item, _ in items],
        "next_cursor": found.next_cursor,
        "facets": {
            "categories": [{"category_id": key, "name": name, "count": count} for key, name, count in found.categories],
            "price_ranges": [_price_range(step, count) for step, count in found.prices],
            "allergens": [{"allergen": allergen, "count": count} for allergen, count in found.allergens],
        },
        "facets_approximate": found.approximate,
    }
    if found.corrected is not None:
        body["corrected_query"] = found.corrected
    return body


def _price_range(step: int, count: int) -> dict[str, Any]:
    """Step 0 is below the first of `STEPS`, the last is open above."""
    least = STEPS[step - 1] if step else 0
    return {"min_price": least, "max_price": STEPS[step] - 1 if step < len(STEPS) else None, "count": count}
