"""GET and POST /store/products: the catalogue."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from eatit.database import Transaction
from eatit.errors import Fault, Invalid
from eatit.http.answers import dump, entity, page
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone, Staff
from eatit.http.documentation import described
from eatit.http.parameters import Cursor, Limit
from eatit.http.shapes import Id, ParameterText
from eatit.money import MAX_AMOUNT
from store import catalogue, fresh, listing
from store.answers import audience_of, language_of, product_answer
from store.database import cache, database
from store.models import Allergen, ProductAnswer, ProductCreate, ProductList, Status

router = endpoint_router()
Sort = Literal["name", "price", "-price", "unit_price", "-created_at"]
Price = Annotated[int, Query(ge=0, le=MAX_AMOUNT)]
ALLERGENS = frozenset(Allergen.__args__)  # type: ignore[attr-defined]
_ONE = f"({'|'.join(sorted(ALLERGENS))})"
AllergenFree = Annotated[ParameterText, Field(json_schema_extra={"pattern": f"^({_ONE}( *, *{_ONE})*)?$"})]
ALLERGEN_FREE = Query(description="One or more, with commas: `milk,nuts`; said more than once, all of them.")


@router.get(
    "/store/products",
    tags=["products"],
    summary="List and filter the products",
    operation_id="list_products",
    response_model=ProductList,
    openapi_extra=described(localized=True),
)
async def list_products(
    request: Request,
    caller: Anyone,
    category: Id | None = None,
    warehouse: Id | None = None,
    min_price: Price | None = None,
    max_price: Price | None = None,
    in_stock: bool | None = None,
    allergen_free: Annotated[Sequence[AllergenFree], ALLERGEN_FREE] = (),
    status: Annotated[Status | None, Query(description="Staff see all; for others only `active` finds any.")] = None,
    q: ParameterText | None = None,
    sort: Sort = "name",
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """The products that fit all filters. Prices in minor units, bounds inclusive."""
    audience = audience_of(request, caller)
    filters = listing.Filters(
        category=category,
        warehouse=warehouse,
        min_price=min_price,
        max_price=max_price,
        in_stock=in_stock,
        allergen_free=_allergens(allergen_free),
        status=status if audience == "staff" else status or "active",
        q=q,
        on_sale=audience != "staff",
    )
    key = None if cursor is not None or audience == "staff" else fresh.page_key(filters, sort, limit, audience)

    def fill() -> bytes:
        rows, following = listing.list_products(database, filters, sort, limit, cursor)
        return dump({"items": [product_answer(row, audience) for row in rows], "next_cursor": following})

    body = fill() if key is None else cache.get_or_fill(key, fill, seconds=fresh.PRODUCT_SECONDS, under=fresh.PAGES)
    assert body is not None
    return page(body, language=language_of(audience))


def _allergens(given: Sequence[str]) -> tuple[str, ...]:
    # Said twice it means both: who can't have nuts mustn't be shown them for having said milk too.
    names = tuple(sorted({name.strip() for names in given if names for name in names.split(",")}))
    if not ALLERGENS.issuperset(names):
        fault = Fault("/allergen_free", "not_one_of", {"expected": ", ".join(sorted(ALLERGENS))})
        raise Invalid([fault], "invalid_parameter")
    return names


@router.post(
    "/store/products",
    tags=["products"],
    summary="Make a product",
    operation_id="create_product",
    status_code=201,
    response_model=ProductAnswer,
    openapi_extra=described("sku_taken", "barcode_taken", etag=True, idempotent=True),
)
async def create_product(request: Request, body: ProductCreate, caller: Staff) -> Response:
    """Make a product. 409 `sku_taken`, `barcode_taken`."""

    def work(transaction: Transaction) -> Response:
        row = catalogue.create_product(transaction, body.model_dump())
        answer = dump(product_answer(row, "staff"))
        headers = {"Location": f"/store/products/{row.id}"}
        return entity(request, answer, version=row.version, status=201, headers=headers)

    return fresh.post(request, caller.user_id, fresh.product_keys(), work)
