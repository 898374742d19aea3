"""GET /store/stock and /store/products/{id}/stock, GET and POST /store/stock/movements: balances and their ledger."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from eatit.database import Transaction
from eatit.http.answers import JSON, dump, page
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone, Staff
from eatit.http.documentation import described
from eatit.http.parameters import Cursor, Limit
from eatit.http.shapes import Id
from store import stock
from store.answers import audience_of, language_of
from store.database import database
from store.fresh import post, product_keys
from store.stock_answers import balance_answer, movement_answer, stock_answer
from store.stock_models import MovementAnswer, MovementCreate, MovementList, ProductStock, StockList

router = endpoint_router()


@router.get(
    "/store/products/{product_id:uuid}/stock",
    tags=["stock"],
    summary="Get a product's stock",
    operation_id="get_product_stock",
    response_model=ProductStock,
    openapi_extra=described("product_not_found", localized=True),
)
async def get_product_stock(request: Request, product_id: UUID, caller: Anyone) -> Response:
    """What of a product is in each warehouse, live. Customers see what is `available` in the active ones."""
    audience = audience_of(request, caller)
    rows = stock.of_product(database, product_id, staff=audience == "staff")
    body = dump({"items": [balance_answer(row, audience) for row in rows], "next_cursor": None})
    return page(body, language=language_of(audience))


@router.get(
    "/store/stock",
    tags=["stock"],
    summary="List the balances",
    operation_id="list_stock",
    response_model=StockList,
    openapi_extra=described(),
)
async def list_stock(
    _caller: Staff, warehouse: Id | None = None, low: bool = False, limit: Limit = 20, cursor: Cursor = None
) -> Response:
    """All balances; `low`: those at or below their product's `low_stock_at`."""
    rows, following = stock.list_stock(database, warehouse=warehouse, low=low, limit=limit, cursor=cursor)
    return page(dump({"items": [stock_answer(row) for row in rows], "next_cursor": following}))


@router.get(
    "/store/stock/movements",
    tags=["stock"],
    summary="List the movements",
    operation_id="list_movements",
    response_model=MovementList,
    openapi_extra=described(),
)
async def list_movements(
    _caller: Staff, product: Id | None = None, warehouse: Id | None = None, limit: Limit = 20, cursor: Cursor = None
) -> Response:
    """The ledger, the newest first; `warehouse` is where goods came from or went to."""
    rows, following = stock.list_movements(database, product=product, warehouse=warehouse, limit=limit, cursor=cursor)
    return page(dump({"items": [movement_answer(row) for row in rows], "next_cursor": following}))


@router.post(
    "/store/stock/movements",
    tags=["stock"],
    summary="Move goods",
    operation_id="create_movement",
    status_code=201,
    response_model=MovementAnswer,
    openapi_extra=described("insufficient_stock", "product_archived", "stock_too_large", idempotent=True),
)
async def create_movement(request: Request, body: MovementCreate, caller: Staff) -> Response:
    """Write a movement, and the balances that it makes. 409 `insufficient_stock` where less than that is available."""
    wanted = stock.Wanted(**body.model_dump())

    def work(transaction: Transaction) -> Response:
        answer = dump(movement_answer(stock.move(transaction, wanted, caller.user_id)))
        headers = {"Location": f"/store/stock/movements?product={body.product_id}"}
        return Response(answer, 201, headers=headers, media_type=JSON)

    return post(request, caller.user_id, product_keys(body.product_id), work)
