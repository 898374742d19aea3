"""GET and DELETE /auth/sessions, DELETE /auth/sessions/{id}: where one is signed in."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from auth import own_sessions
from auth.answers import client_of
from auth.callers import SignedIn
from auth.database import database
from auth.models import SessionList
from eatit.http.answers import dump, page
from eatit.http.app import endpoint_router
from eatit.http.documentation import described
from eatit.http.parameters import Cursor, Limit

router = endpoint_router()


@router.get(
    "/auth/sessions",
    tags=["sessions"],
    summary="List one's sessions",
    operation_id="list_sessions",
    response_model=SessionList,
    openapi_extra=described(),
)
async def list_sessions(caller: SignedIn, limit: Limit = 20, cursor: Cursor = None) -> Response:
    """Where one is signed in, the newest first."""
    items, following = own_sessions.listed(database, caller, limit=limit, cursor=cursor)
    return page(dump({"items": items, "next_cursor": following}), varies=False, personal=True)


@router.delete(
    "/auth/sessions",
    tags=["sessions"],
    summary="Sign out everywhere",
    operation_id="end_sessions",
    status_code=204,
    openapi_extra=described(if_match=False),
)
async def end_sessions(request: Request, caller: SignedIn) -> Response:
    """End all of one's sessions, this one too."""
    own_sessions.end_all(database, caller, client_of(request))
    return Response(None, 204)


@router.delete(
    "/auth/sessions/{session_id:uuid}",
    tags=["sessions"],
    summary="End one of one's sessions",
    operation_id="end_session",
    status_code=204,
    openapi_extra=described(if_match=False),
)
async def end_session(request: Request, session_id: UUID, caller: SignedIn) -> Response:
    """End one session. 404 for one that has ended, and for another's."""
    own_sessions.end_one(database, caller, session_id, client_of(request))
    return Response(None, 204)
