"""POST /auth/refresh: a new token pair for a refresh token."""

from starlette.requests import Request
from starlette.responses import Response

from auth import sessions
from auth.answers import client_of, session_response
from auth.database import database
from auth.models import RefreshBody, SessionAnswer
from eatit.http.app import endpoint_router
from eatit.http.documentation import described

router = endpoint_router()


@router.post(
    "/auth/refresh",
    tags=["sessions"],
    summary="Get a new token pair",
    operation_id="refresh",
    response_model=SessionAnswer,
    openapi_extra=described("invalid_refresh_token", "refresh_token_reused"),
)
async def refresh(request: Request, body: RefreshBody) -> Response:
    """Rotate the token. Again within 10 s: the same pair. Later: 401 `refresh_token_reused`, and the session ends."""
    return session_response(sessions.refresh(database, body.refresh_token, client_of(request)))
