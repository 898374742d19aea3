"""GET, PATCH and DELETE /store/products/{id}: one product."""

from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from eatit.http.answers import dump, entity, etag_of, expected_versions
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone, Staff
from eatit.http.documentation import described
from store import catalogue
from store.answers import audience_of, language_of, product_answer
from store.database import cache, database
from store.fresh import PRODUCT_SECONDS, WAREHOUSES, change, product_key, product_keys
from store.models import ProductAnswer, ProductChange

router = endpoint_router()
PATH = "/store/products/{product_id:uuid}"


@router.get(
    PATH,
    tags=["products"],
    summary="Get one product",
    operation_id="get_product",
    response_model=ProductAnswer,
    openapi_extra=described("product_not_found", etag=True, localized=True),
)
async def get_product(request: Request, product_id: UUID, caller: Anyone) -> Response:
    """One product. Its `available` may lag by five seconds; staff always read the database."""
    audience = audience_of(request, caller)
    if audience == "staff":
        return _answered(request, catalogue.product_by_id(database, product_id, staff=True))

    def fill() -> bytes:
        row = catalogue.product_by_id(database, product_id, staff=False)
        body = dump(product_answer(row, audience))
        return etag_of(row.version, body).encode() + b"\n" + body

    kept = cache.get_or_fill(product_key(product_id, audience), fill, seconds=PRODUCT_SECONDS, under=WAREHOUSES)
    assert kept is not None
    etag, _, body = kept.partition(b"\n")
    return entity(request, body, version=0, etag=etag.decode(), language=audience)


@router.patch(
    PATH,
    tags=["products"],
    summary="Change a product",
    operation_id="change_product",
    response_model=ProductAnswer,
    openapi_extra=described("product_not_found", "sku_taken", "barcode_taken", etag=True, localized=True),
)
async def change_product(request: Request, product_id: UUID, body: ProductChange, _caller: Staff) -> Response:
    """Change a product; baskets see it within moments. 409 `sku_taken`, `barcode_taken`."""
    return _answered(request, _changed(request, product_id, body.given()))


@router.delete(
    PATH,
    tags=["products"],
    summary="Archive a product",
    operation_id="archive_product",
    status_code=204,
    openapi_extra=described("product_not_found"),
)
async def archive_product(request: Request, product_id: UUID, _caller: Staff) -> Response:
    """Archive a product: it is no longer sold, and orders go on naming it."""
    _changed(request, product_id, {"status": "archived"})
    return Response(None, 204)


def _changed(request: Request, product_id: UUID, given: dict[str, Any]) -> catalogue.Product:
    expected = expected_versions(request)
    return change(
        product_keys(product_id),
        lambda transaction: catalogue.change_product(transaction, product_id, given, expected),
    )


def _answered(request: Request, row: catalogue.Product) -> Response:
    body = dump(product_answer(row, "staff"))
    return entity(request, body, version=row.version, language=language_of("staff"))
