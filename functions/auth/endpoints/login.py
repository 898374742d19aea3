"""POST /auth/login: sign in by e-mail and password."""

from starlette.requests import Request
from starlette.responses import Response

from auth.answers import client_of, session_response
from auth.database import database
from auth.models import Credentials, SessionAnswer
from auth.sign_in import sign_in
from eatit.http.app import endpoint_router
from eatit.http.documentation import described

router = endpoint_router()


@router.post(
    "/auth/login",
    tags=["accounts"],
    summary="Sign in",
    operation_id="login",
    response_model=SessionAnswer,
    openapi_extra=described("invalid_credentials"),
)
async def login(request: Request, body: Credentials) -> Response:
    """Sign in. 401 `invalid_credentials` for an unknown address and a wrong password alike, after the same time; 429
    with `Retry-After` after too many wrong ones."""
    return session_response(sign_in(database, body, client_of(request)))
