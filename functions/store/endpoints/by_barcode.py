"""GET /store/products/by-barcode/{gtin}: a product by what a scanner reads."""

from starlette.requests import Request
from starlette.responses import Response

from eatit.errors import NotFound
from eatit.http.answers import dump, entity
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone
from eatit.http.documentation import described
from store import catalogue
from store.answers import audience_of, language_of, product_answer
from store.database import database
from store.models import ProductAnswer

router = endpoint_router()


@router.get(
    "/store/products/by-barcode/{gtin}",
    tags=["products"],
    summary="Get a product by its barcode",
    operation_id="get_product_by_barcode",
    response_model=ProductAnswer,
    openapi_extra=described("product_not_found", etag=True, localized=True),
)
async def get_product_by_barcode(request: Request, gtin: str, caller: Anyone) -> Response:
    """The product with this GTIN. Leading zeros don't matter: a 12-digit UPC is the same number as its EAN-13."""
    if not (gtin.isascii() and gtin.isdigit() and len(gtin) <= 14):
        raise NotFound("product_not_found")
    audience = audience_of(request, caller)
    row = catalogue.product_by_barcode(database, gtin, staff=audience == "staff")
    body = dump(product_answer(row, audience))
    return entity(request, body, version=row.version, language=language_of(audience))
