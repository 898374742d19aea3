"""GET and POST /store/warehouses: where goods lie."""

import re
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from eatit.database import Transaction
from eatit.errors import Fault, Invalid
from eatit.http.answers import dump, entity
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone, Staff
from eatit.http.documentation import described
from eatit.http.parameters import Cursor, Limit
from eatit.http.shapes import ParameterText
from store import warehouses
from store.answers import audience_of, language_of
from store.database import cache, database
from store.fresh import CONSTANT_SECONDS, KEPT_LIMITS, WAREHOUSES, post, warehouse_keys
from store.stock_answers import warehouse_answer
from store.stock_models import WarehouseAnswer, WarehouseCreate, WarehouseList

router = endpoint_router()
_PLACES = r"(\.[0-9]{1,15})?"
_LATITUDE = rf"-?([0-8]?[0-9]{_PLACES}|90(\.0{{1,15}})?)"
_LONGITUDE = rf"-?((1[0-7][0-9]|0?[0-9]{{1,2}}){_PLACES}|180(\.0{{1,15}})?)"
NEAR = Query(
    description="A place, `latitude,longitude` in degrees: the nearest come first.",
    json_schema_extra={"pattern": f"^{_LATITUDE},{_LONGITUDE}$"},
    examples=["55.75,37.62"],
)


@router.get(
    "/store/warehouses",
    tags=["warehouses"],
    summary="List the warehouses",
    operation_id="list_warehouses",
    response_model=WarehouseList,
    openapi_extra=described(etag=True, localized=True),
)
async def list_warehouses(
    request: Request,
    caller: Anyone,
    near: Annotated[ParameterText | None, NEAR] = None,
    active: bool | None = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """The warehouses by code, or by how far they are from a place; for anyone but staff the active ones."""
    audience = audience_of(request, caller)
    place = _place(near)

    def fill() -> bytes:
        rows, following = warehouses.list_warehouses(
            database, near=place, active=active if audience == "staff" else True, limit=limit, cursor=cursor
        )
        return dump({"items": [warehouse_answer(row, audience) for row in rows], "next_cursor": following})

    kept = cursor is None and place is None and audience != "staff" and limit in KEPT_LIMITS
    key = f"warehouses:{limit}:{audience}"
    body = cache.get_or_fill(key, fill, seconds=CONSTANT_SECONDS, under=WAREHOUSES) if kept else fill()
    assert body is not None
    return entity(request, body, version=0, language=language_of(audience))


def _place(near: str | None) -> warehouses.Place | None:
    if near is None:
        return None
    if not re.fullmatch(f"{_LATITUDE},{_LONGITUDE}", near, re.ASCII):
        expected = ("latitude,longitude in degrees", "широта,долгота в градусах")
        raise Invalid([Fault("/near", "wrong_form", {"expected": expected})], "invalid_parameter")
    latitude, longitude = (float(part) for part in near.split(","))
    return warehouses.Place(latitude, longitude)


@router.post(
    "/store/warehouses",
    tags=["warehouses"],
    summary="Make a warehouse",
    operation_id="create_warehouse",
    status_code=201,
    response_model=WarehouseAnswer,
    openapi_extra=described("code_taken", etag=True, idempotent=True),
)
async def create_warehouse(request: Request, body: WarehouseCreate, caller: Staff) -> Response:
    """Make a warehouse. 409 `code_taken`."""

    def work(transaction: Transaction) -> Response:
        row = warehouses.create_warehouse(transaction, body.model_dump())
        headers = {"Location": f"/store/warehouses/{row.id}"}
        answer = dump(warehouse_answer(row, "staff"))
        return entity(request, answer, version=row.version, status=201, headers=headers)

    return post(request, caller.user_id, warehouse_keys(), work)
