"""GET /store/products/{id}/prices: what a product has cost."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from eatit.http.answers import dump, page
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone
from eatit.http.documentation import described
from eatit.http.parameters import Cursor, Limit
from store import prices
from store.answers import audience_of
from store.database import database
from store.models import PriceHistory

router = endpoint_router()


@router.get(
    "/store/products/{product_id:uuid}/prices",
    tags=["products"],
    summary="Get a product's prices",
    operation_id="list_prices",
    response_model=PriceHistory,
    openapi_extra=described("product_not_found"),
)
async def list_prices(
    request: Request, product_id: UUID, caller: Anyone, limit: Limit = 20, cursor: Cursor = None
) -> Response:
    """What it has cost, the newest price first, and the lowest of thirty days."""
    staff = audience_of(request, caller) == "staff"
    found = prices.history_of(database, product_id, staff=staff, limit=limit, cursor=cursor)

    def money(amount: int) -> dict[str, object]:
        return {"amount": amount, "currency": found.currency}

    items = [{"price": {"amount": row.amount, "currency": row.currency}, "since": row.since} for row in found.rows]
    body = {
        "items": items,
        "next_cursor": found.next_cursor,
        "lowest_30_days": money(found.lowest),
        "prior_price": None if found.prior is None else money(found.prior),
    }
    return page(dump(body), varies=False)
