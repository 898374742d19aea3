"""POST /auth/token: sign in, or rotate a refresh token, by an OAuth 2 form, as Swagger UI's Authorize does."""

from starlette.requests import Request
from starlette.responses import Response

from auth import sessions
from auth.answers import client_of
from auth.database import database
from auth.oauth import (
    REQUEST_BODY,
    PasswordGrant,
    RefreshGrant,
    TokenAnswer,
    described_refusals,
    read_grant,
    refusal,
    token_response,
)
from auth.sign_in import sign_in
from eatit.errors import DomainError, Fault, Invalid
from eatit.http.app import endpoint_router
from eatit.http.documentation import described
from eatit.http.edge import note_unavailable
from eatit.http.forms import form_of

router = endpoint_router()


@router.post(
    "/auth/token",
    tags=["accounts"],
    summary="Sign in by an OAuth 2 form",
    operation_id="token",
    response_model=TokenAnswer,
    responses=described_refusals(
        "invalid_body", "unreadable_form", "unsupported_grant_type",
        "invalid_credentials", "totp_required", "invalid_totp_code", "invalid_refresh_token", "refresh_token_reused",
        "too_many_requests", "unavailable",
    ),
    openapi_extra={**described(), "requestBody": REQUEST_BODY},
)  # fmt: skip
async def token(request: Request) -> Response:
    """What /auth/login and /auth/refresh do, in OAuth 2's own shapes (RFC 6749, sections 4.3 and 6): its form, its
    answer, its errors. No client needs to be known: a `client_id`, a `client_secret` and `Authorization: Basic` are
    passed over. An account with a second factor is asked for its code by `mfa_required`: send the form again with
    `totp_code`."""
    try:
        return token_response(_session(request, await form_of(request)))
    except DomainError as error:
        note_unavailable(error)
        return refusal(error)


def _session(request: Request, form: dict[str, str]) -> sessions.Session:
    given = {name: value for name, value in form.items() if value}  # RFC 6749, section 3.2: empty is absent
    match given.get("grant_type"):
        case "password":
            return sign_in(database, read_grant(PasswordGrant, given), client_of(request))
        case "refresh_token":
            return sessions.refresh(database, read_grant(RefreshGrant, given).refresh_token, client_of(request))
        case None:
            raise Invalid([Fault("/grant_type", "missing")])
    raise DomainError("unsupported_grant_type")
