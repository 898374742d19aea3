"""GET /store/imports/{id} and POST …/complete: how an import goes, and its start."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from eatit.database import Transaction
from eatit.http.answers import JSON, dump, entity
from eatit.http.app import endpoint_router
from eatit.http.callers import Staff
from eatit.http.documentation import described
from eatit.http.languages import preferred_language
from store import imports
from store.database import database, files, idempotency
from store.import_answers import import_answer
from store.import_files import upload_key
from store.import_models import ImportAnswer

router = endpoint_router()
PATH = "/store/imports/{import_id:uuid}"


@router.get(
    PATH,
    tags=["imports"],
    summary="Get an import",
    operation_id="get_import",
    response_model=ImportAnswer,
    openapi_extra=described(etag=True, localized=True),
)
async def get_import(request: Request, import_id: UUID, _caller: Staff) -> Response:
    """How it goes: what became of the rows so far, and what is wrong with the others."""
    language = preferred_language(request.headers.get("accept-language"), "en")
    row = imports.import_by_id(database, import_id)
    errors = imports.errors_of(database, import_id) if row.faults else []
    return entity(request, dump(import_answer(row, errors, language)), version=row.turn, language=language)


@router.post(
    f"{PATH}/complete",
    tags=["imports"],
    summary="Start an import",
    operation_id="complete_import",
    status_code=202,
    response_model=ImportAnswer,
    openapi_extra=described("upload_missing", idempotent=True),
)
async def complete_import(request: Request, import_id: UUID, caller: Staff) -> Response:
    """The file is up: start. Said again, it changes nothing. 409 `upload_missing` where no file is."""
    language = preferred_language(request.headers.get("accept-language"), "en")
    known = imports.import_by_id(database, import_id)
    size = files.size(upload_key(import_id)) if known.status == "waiting" else None

    def work(transaction: Transaction) -> Response:
        row = imports.start(transaction, import_id, size)
        headers = {"Location": f"/store/imports/{import_id}", "Cache-Control": "no-store"}
        return Response(dump(import_answer(row, [], language)), 202, headers=headers, media_type=JSON)

    return idempotency.post(request, str(caller.user_id), work)
