"""GET and POST /store/units: the units of measure."""

from starlette.requests import Request
from starlette.responses import Response

from eatit.database import Transaction
from eatit.http.answers import dump, entity
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone, Staff
from eatit.http.documentation import described
from eatit.http.parameters import Cursor, Limit
from store import units
from store.answers import audience_of, language_of, unit_answer
from store.database import cache, database
from store.fresh import CONSTANT_SECONDS, KEPT_LIMITS, UNITS, post, unit_keys
from store.models import UnitAnswer, UnitCreate, UnitList

router = endpoint_router()


@router.get(
    "/store/units",
    tags=["units"],
    summary="List the units",
    operation_id="list_units",
    response_model=UnitList,
    openapi_extra=described(etag=True, localized=True),
)
async def list_units(request: Request, caller: Anyone, limit: Limit = 20, cursor: Cursor = None) -> Response:
    """All units, by code."""
    audience = audience_of(request, caller)

    def fill() -> bytes:
        rows, following = units.list_units(database, limit, cursor)
        return dump({"items": [unit_answer(row, audience) for row in rows], "next_cursor": following})

    kept = cursor is None and audience != "staff" and limit in KEPT_LIMITS
    key = f"units:{limit}:{audience}"
    body = cache.get_or_fill(key, fill, seconds=CONSTANT_SECONDS, under=UNITS) if kept else fill()
    assert body is not None
    return entity(request, body, version=0, language=language_of(audience))


@router.post(
    "/store/units",
    tags=["units"],
    summary="Make a unit",
    operation_id="create_unit",
    status_code=201,
    response_model=UnitAnswer,
    openapi_extra=described("code_taken", etag=True, idempotent=True),
)
async def create_unit(request: Request, body: UnitCreate, caller: Staff) -> Response:
    """Make a unit. 409 `code_taken`."""

    def work(transaction: Transaction) -> Response:
        row = units.create_unit(transaction, body.model_dump())
        answer = dump(unit_answer(row, "staff"))
        headers = {"Location": f"/store/units/{row.id}"}
        return entity(request, answer, version=row.version, status=201, headers=headers)

    return post(request, caller.user_id, unit_keys(), work)
