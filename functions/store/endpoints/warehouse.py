"""GET, PATCH and DELETE /store/warehouses/{id}: one warehouse."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from eatit.database import Transaction
from eatit.errors import NotFound
from eatit.http.answers import dump, entity, expected_versions
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone, Staff
from eatit.http.documentation import described
from store import stock, warehouses
from store.answers import audience_of, language_of
from store.database import database
from store.fresh import change, warehouse_keys
from store.stock_answers import warehouse_answer
from store.stock_models import WarehouseAnswer, WarehouseChange

router = endpoint_router()
PATH = "/store/warehouses/{warehouse_id:uuid}"


def _answered(request: Request, row: warehouses.Warehouse, audience: str) -> Response:
    body = dump(warehouse_answer(row, audience))
    return entity(request, body, version=row.version, language=language_of(audience))


@router.get(
    PATH,
    tags=["warehouses"],
    summary="Get one warehouse",
    operation_id="get_warehouse",
    response_model=WarehouseAnswer,
    openapi_extra=described(etag=True, localized=True),
)
async def get_warehouse(request: Request, warehouse_id: UUID, caller: Anyone) -> Response:
    """One warehouse; staff alone see one that isn't active."""
    row, audience = warehouses.warehouse_by_id(database, warehouse_id), audience_of(request, caller)
    if not row.active and audience != "staff":
        raise NotFound
    return _answered(request, row, audience)


@router.patch(
    PATH,
    tags=["warehouses"],
    summary="Change a warehouse",
    operation_id="change_warehouse",
    response_model=WarehouseAnswer,
    openapi_extra=described("code_taken", etag=True, localized=True),
)
async def change_warehouse(request: Request, warehouse_id: UUID, body: WarehouseChange, _caller: Staff) -> Response:
    """Change a warehouse. Nothing can be had from one that isn't active, and what baskets see of its goods follows."""
    expected = expected_versions(request)

    def work(transaction: Transaction) -> warehouses.Warehouse:
        row, turned = warehouses.change_warehouse(transaction, warehouse_id, body.given(), expected)
        if turned:
            stock.announce_warehouse(transaction, warehouse_id, row.version)
        return row

    return _answered(request, change(warehouse_keys(), work), "staff")


@router.delete(
    PATH,
    tags=["warehouses"],
    summary="Delete a warehouse",
    operation_id="delete_warehouse",
    status_code=204,
    openapi_extra=described("in_use"),
)
async def delete_warehouse(request: Request, warehouse_id: UUID, _caller: Staff) -> Response:
    """Delete a warehouse in which nothing ever lay. 409 `in_use`."""
    expected = expected_versions(request)
    change(
        warehouse_keys(),
        lambda transaction: warehouses.delete_warehouse(transaction, warehouse_id, expected),
    )
    return Response(None, 204)
