"""GET, PATCH and DELETE /store/units/{id}: one unit of measure."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from eatit.http.answers import dump, entity, expected_versions
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone, Staff
from eatit.http.documentation import described
from store import units
from store.answers import audience_of, language_of, unit_answer
from store.database import database
from store.fresh import change, unit_keys
from store.models import UnitAnswer, UnitChange

router = endpoint_router()
PATH = "/store/units/{unit_id:uuid}"


def _answered(request: Request, row: units.Unit, audience: str) -> Response:
    body = dump(unit_answer(row, audience))
    return entity(request, body, version=row.version, language=language_of(audience))


@router.get(
    PATH,
    tags=["units"],
    summary="Get one unit",
    operation_id="get_unit",
    response_model=UnitAnswer,
    openapi_extra=described(etag=True, localized=True),
)
async def get_unit(request: Request, unit_id: UUID, caller: Anyone) -> Response:
    """One unit."""
    return _answered(request, units.unit_by_id(database, unit_id), audience_of(request, caller))


@router.patch(
    PATH,
    tags=["units"],
    summary="Change a unit",
    operation_id="change_unit",
    response_model=UnitAnswer,
    openapi_extra=described("code_taken", "in_use", etag=True, localized=True),
)
async def change_unit(request: Request, unit_id: UUID, body: UnitChange, _caller: Staff) -> Response:
    """Change a unit. 409 `in_use` for its code, dimension or factor while products are measured in it."""
    expected = expected_versions(request)
    row = change(unit_keys(), lambda transaction: units.change_unit(transaction, unit_id, body.given(), expected))
    return _answered(request, row, "staff")


@router.delete(
    PATH,
    tags=["units"],
    summary="Delete a unit",
    operation_id="delete_unit",
    status_code=204,
    openapi_extra=described("in_use"),
)
async def delete_unit(request: Request, unit_id: UUID, _caller: Staff) -> Response:
    """Delete a unit. 409 `in_use`."""
    expected = expected_versions(request)
    change(unit_keys(), lambda transaction: units.delete_unit(transaction, unit_id, expected))
    return Response(None, 204)
