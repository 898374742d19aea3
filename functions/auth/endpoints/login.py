"""POST /auth/login: sign in by e-mail and password."""

from starlette.requests import Request
from starlette.responses import Response

from auth.answers import client_of, session_response
from auth.database import database
from auth.models import Credentials, SignedInAnswer
from auth.sign_in import sign_in
from eatit.http.app import endpoint_router
from eatit.http.documentation import described

router = endpoint_router()


@router.post(
    "/auth/login",
    tags=["accounts"],
    summary="Sign in",
    operation_id="login",
    response_model=SignedInAnswer,
    openapi_extra=described("invalid_credentials", "totp_required", "invalid_totp_code"),
)
async def login(request: Request, body: Credentials) -> Response:
    """Sign in. 401 `invalid_credentials` for an unknown address and a wrong password alike, after the same time; 429
    with `Retry-After` after too many wrong ones. 401 `totp_required` where the pair is right and the account has a
    second factor: send it again with `totp_code`. `device_token` of an earlier sign-in makes this a known device, which
    nobody else's wrong passwords hold up."""
    return session_response(sign_in(database, body, client_of(request)))
