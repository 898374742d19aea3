"""POST /store/imports: a file of products is to come."""

from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from eatit.database import Transaction
from eatit.http.answers import JSON, dump
from eatit.http.app import endpoint_router
from eatit.http.callers import Staff
from eatit.http.documentation import described
from store import imports
from store.database import files, idempotency
from store.import_files import SECONDS, upload_key
from store.import_models import ImportBegun, ImportCreate

router = endpoint_router()


@router.post(
    "/store/imports",
    tags=["imports"],
    summary="Begin an import",
    operation_id="create_import",
    status_code=202,
    response_model=ImportBegun,
    openapi_extra=described(idempotent=True),
)
async def create_import(request: Request, body: ImportCreate, caller: Staff) -> Response:
    """Say what is to come, and get the address that it goes to within the hour: CSV (comma, semicolon or tab; UTF-8 or
    Windows-1251) or JSON Lines, gzip or plain, up to 2 GiB. Then POST to `…/complete`."""

    def work(transaction: Transaction) -> Response:
        row = imports.create_import(
            transaction,
            content_type=body.content_type,
            size=body.size,
            dry_run=body.dry_run,
            mapping=body.mapping.model_dump(exclude_unset=True),
            actor_id=caller.user_id,
        )
        upload = files.upload(upload_key(row.id), body.content_type, body.size, seconds=SECONDS)
        told = {"url": upload.url, "method": upload.method, "headers": upload.headers}
        ends = datetime.now(UTC) + timedelta(seconds=SECONDS)
        answer = dump({"id": row.id, "upload": told, "expires_at": ends})
        headers = {"Location": f"/store/imports/{row.id}", "Cache-Control": "no-store"}
        return Response(answer, 202, headers=headers, media_type=JSON)

    return idempotency.post(request, str(caller.user_id), work)
