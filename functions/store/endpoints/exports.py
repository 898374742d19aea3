"""POST /store/exports and GET /store/exports/{id}: the catalogue as a file."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from eatit.database import Transaction
from eatit.http.answers import JSON, dump, entity
from eatit.http.app import endpoint_router
from eatit.http.callers import Staff
from eatit.http.documentation import described
from store import exports
from store.database import database, idempotency
from store.import_answers import export_answer
from store.import_models import ExportAnswer, ExportBegun

router = endpoint_router()


@router.post(
    "/store/exports",
    tags=["imports"],
    summary="Begin an export",
    operation_id="create_export",
    status_code=202,
    response_model=ExportBegun,
    openapi_extra=described(idempotent=True),
)
async def create_export(request: Request, caller: Staff) -> Response:
    """Write all products, whatever their status, as a CSV with the columns of an import."""

    def work(transaction: Transaction) -> Response:
        row = exports.create_export(transaction, caller.user_id)
        headers = {"Location": f"/store/exports/{row.id}"}
        return Response(dump({"id": row.id}), 202, headers=headers, media_type=JSON)

    return idempotency.post(request, str(caller.user_id), work)


@router.get(
    "/store/exports/{export_id:uuid}",
    tags=["imports"],
    summary="Get an export",
    operation_id="get_export",
    response_model=ExportAnswer,
    openapi_extra=described(etag=True),
)
async def get_export(request: Request, export_id: UUID, _caller: Staff) -> Response:
    """How it goes; its file's address when it is done."""
    row = exports.export_by_id(database, export_id)
    return entity(request, dump(export_answer(row)), version=row.turn, varies=False)
