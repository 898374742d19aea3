"""POST /auth/register: a new account, signed in at once."""

from starlette.requests import Request
from starlette.responses import Response

from auth.answers import client_of, session_response
from auth.database import database
from auth.models import Registration, SignedInAnswer
from auth.sign_in import register as register_account
from eatit.http.app import endpoint_router
from eatit.http.documentation import described
from eatit.http.languages import preferred_language
from eatit.settings import settings

router = endpoint_router()


@router.post(
    "/auth/register",
    tags=["accounts"],
    summary="Make an account",
    operation_id="register",
    status_code=201,
    response_model=SignedInAnswer,
    openapi_extra=described("email_taken", "weak_password"),
)
async def register(request: Request, body: Registration) -> Response:
    """Make an account and sign it in; a mail to verify the address is on its way. 409 `email_taken`, 422
    `weak_password`."""
    language = preferred_language(request.headers.get("accept-language"), settings().default_language)
    session = register_account(database, body.email, body.password, body.display_name, language, client_of(request))
    return session_response(session, status=201, headers={"Location": "/auth/me"})
