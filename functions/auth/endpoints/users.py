"""GET /auth/users: who there is."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from auth import users
from auth.callers import Admin
from auth.database import database
from auth.models import KnownUserList, RoleName
from eatit.http.answers import dump, page
from eatit.http.app import endpoint_router
from eatit.http.documentation import described
from eatit.http.parameters import Cursor, Limit
from eatit.http.shapes import ParameterText

router = endpoint_router()


@router.get(
    "/auth/users",
    tags=["users"],
    summary="List and find users",
    operation_id="list_users",
    response_model=KnownUserList,
    openapi_extra=described(),
)
async def list_users(
    _caller: Admin,
    q: Annotated[ParameterText | None, Query(description="A part of the e-mail address or of the name.")] = None,
    role: RoleName | None = None,
    disabled: bool | None = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """The users who fit all filters, the newest first."""
    found, following = users.list_users(database, users.Filters(q, role, disabled), limit, cursor)
    return page(dump({"items": found, "next_cursor": following}), personal=True)
