"""POST /auth/logout: end a session."""

from starlette.requests import Request
from starlette.responses import Response

from auth import sessions
from auth.answers import client_of
from auth.database import database
from auth.models import RefreshBody
from eatit.http.app import endpoint_router
from eatit.http.documentation import described

router = endpoint_router()


@router.post(
    "/auth/logout",
    tags=["sessions"],
    summary="Sign out",
    operation_id="logout",
    status_code=204,
    openapi_extra=described(),
)
async def logout(request: Request, body: RefreshBody) -> Response:
    """End the session that the refresh token belongs to. 204 for an unknown one too: then there is nothing to end."""
    sessions.log_out(database, body.refresh_token, client_of(request))
    return Response(None, 204)
