"""POST /auth/email/verify and /auth/email/verification: showing that one's address is one's own."""

from starlette.requests import Request
from starlette.responses import Response

from auth import recovery
from auth.answers import accepted_response, client_of
from auth.callers import SignedIn
from auth.database import database
from auth.models import Accepted, MailToken
from eatit.http.app import endpoint_router
from eatit.http.documentation import described

router = endpoint_router()


@router.post(
    "/auth/email/verify",
    tags=["accounts"],
    summary="Verify an e-mail address by the token of a mail",
    operation_id="verify_email",
    status_code=204,
    openapi_extra=described("invalid_verification_token"),
)
async def verify_email(request: Request, body: MailToken) -> Response:
    """The address is its holder's. The token holds once, for 24 hours, and for the address that it was sent to."""
    recovery.verify_email(database, body.token, client_of(request))
    return Response(None, 204)


@router.post(
    "/auth/email/verification",
    tags=["accounts"],
    summary="Ask for the mail that verifies one's address again",
    operation_id="request_verification",
    status_code=202,
    response_model=Accepted,
    openapi_extra=described(),
)
async def request_verification(request: Request, caller: SignedIn) -> Response:
    """202; where the address isn't verified yet, a mail is on its way."""
    recovery.request_verification(database, caller, client_of(request))
    return accepted_response()
