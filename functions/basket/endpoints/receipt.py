"""GET /basket/orders/{id}/receipt: an order to be printed."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from basket import orders
from basket.database import database
from basket.receipts import CONTENT_POLICY, receipt
from eatit.http.answers import entity
from eatit.http.app import endpoint_router
from eatit.http.callers import SignedIn
from eatit.http.documentation import described
from eatit.http.languages import preferred_language
from eatit.settings import settings

router = endpoint_router()


@router.get(
    "/basket/orders/{order_id:uuid}/receipt",
    tags=["orders"],
    summary="Print an order",
    operation_id="get_receipt",
    response_class=HTMLResponse,
    openapi_extra=described(etag=True, localized=True),
)
async def get_receipt(request: Request, order_id: UUID, caller: SignedIn) -> Response:
    """One of the caller's own orders as a page to be printed; for staff, anybody's. Not a fiscal receipt."""
    order = orders.order_by_id(database, order_id, caller)
    language = preferred_language(request.headers.get("accept-language"), settings().default_language)
    return entity(
        request,
        receipt(order, language),
        version=order.version,
        headers={"Content-Security-Policy": CONTENT_POLICY},
        language=language,
        media_type="text/html",
    )
