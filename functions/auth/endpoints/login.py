"""POST /auth/login: sign in by e-mail and password."""

from starlette.requests import Request
from starlette.responses import Response

from auth import accounts, sessions
from auth.answers import client_of, session_response
from auth.database import database
from auth.models import Credentials, SessionAnswer
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
    with `Retry-After` after thirty wrong passwords for one address in five minutes."""
    user = accounts.authenticated(database, body.email, body.password)
    session = database.transaction(lambda transaction: sessions.begin(transaction, user, **client_of(request)))
    return session_response(session)
