"""POST /auth/password, /auth/password/forgot and /auth/password/reset: another password."""

from starlette.requests import Request
from starlette.responses import Response

from auth import recovery
from auth.answers import accepted_response, client_of
from auth.callers import SignedIn
from auth.database import database
from auth.models import Accepted, Address, PasswordChange, PasswordReset
from eatit.http.app import endpoint_router
from eatit.http.documentation import described

router = endpoint_router()


@router.post(
    "/auth/password",
    tags=["passwords"],
    summary="Change one's password",
    operation_id="change_password",
    status_code=204,
    openapi_extra=described("invalid_credentials", "weak_password"),
)
async def change_password(request: Request, body: PasswordChange, caller: SignedIn) -> Response:
    """Change the password; all other sessions end. 401 `invalid_credentials` where the present one is wrong."""
    recovery.change_password(database, caller, body.current_password, body.new_password, client_of(request))
    return Response(None, 204)


@router.post(
    "/auth/password/forgot",
    tags=["passwords"],
    summary="Ask for a mail that lets one set a new password",
    operation_id="forgot_password",
    status_code=202,
    response_model=Accepted,
    openapi_extra=described(),
)
async def forgot_password(request: Request, body: Address) -> Response:
    """202 for any address, after the same time; where it has an account, a mail with a token that holds for an hour."""
    recovery.forgot_password(database, body.email, client_of(request))
    return accepted_response()


@router.post(
    "/auth/password/reset",
    tags=["passwords"],
    summary="Set a new password by the token of a mail",
    operation_id="reset_password",
    status_code=204,
    openapi_extra=described("invalid_reset_token", "weak_password"),
)
async def reset_password(request: Request, body: PasswordReset) -> Response:
    """Set the password; all sessions end. The token holds once; a password that is refused doesn't use it up."""
    recovery.reset_password(database, body.token, body.new_password, client_of(request))
    return Response(None, 204)
