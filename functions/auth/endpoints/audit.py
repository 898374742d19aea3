"""GET /auth/audit: who did what, from where and when."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from auth import audit
from auth.callers import Admin
from auth.database import database
from auth.models import Action, AuditList
from eatit.http.answers import dump, page
from eatit.http.app import endpoint_router
from eatit.http.documentation import described
from eatit.http.parameters import Cursor, Limit
from eatit.http.shapes import Id, Moment

router = endpoint_router()


@router.get(
    "/auth/audit",
    tags=["users"],
    summary="Read the audit",
    operation_id="list_audit",
    response_model=AuditList,
    openapi_extra=described(),
)
async def list_audit(
    _caller: Admin,
    user: Annotated[Id | None, Query(description="To whom it was done.")] = None,
    action: Action | None = None,
    since: Annotated[Moment | None, Query(description="From this time on.")] = None,
    until: Annotated[Moment | None, Query(description="Before this time.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """What was done, the newest first. Rows are added and never changed or removed."""
    found, following = audit.list_entries(database, audit.Filters(user, action, since, until), limit, cursor)
    return page(dump({"items": found, "next_cursor": following}), personal=True)
