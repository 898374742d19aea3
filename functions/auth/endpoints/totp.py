"""GET, POST and DELETE /auth/totp, and POST /auth/totp/confirm, /verify and /recovery-codes: one's second factor."""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from auth import second_factor
from auth.answers import client_of
from auth.callers import Enrolling
from auth.database import database
from auth.keys import ACCESS_SECONDS
from auth.models import FirstTotpCode, GivenTotpCode, RecoveryCodes, TotpConfirmed, TotpEnrolment, TotpState
from eatit.http.answers import JSON, dump, entity, expected_versions
from eatit.http.app import endpoint_router
from eatit.http.documentation import described
from eatit.revocation import mark_sessions

router = endpoint_router()


def _shown_once(body: dict[str, Any]) -> Response:
    return Response(dump(body), headers={"Cache-Control": "no-store"}, media_type=JSON)


@router.get(
    "/auth/totp",
    tags=["second factor"],
    summary="See how it stands with one's second factor",
    operation_id="get_totp",
    response_model=TotpState,
    openapi_extra=described(etag=True),
)
async def get_totp(request: Request, caller: Enrolling) -> Response:
    """Whether there is one, since when, how many recovery codes are left, and whether one's role must have one."""
    found = second_factor.state(database, caller)
    headers = {"Vary": "Authorization"}
    return entity(request, dump(found), version=found["version"], varies=False, headers=headers)


@router.post(
    "/auth/totp",
    tags=["second factor"],
    summary="Begin to enrol an authenticator",
    operation_id="begin_totp",
    response_model=TotpEnrolment,
    openapi_extra=described("recent_sign_in_required", "second_factor_required"),
)
async def begin_totp(caller: Enrolling) -> Response:
    """A new secret, which counts once its first code is confirmed; an earlier one that wasn't is dropped. 403
    `recent_sign_in_required` ten minutes after the sign-in; where there is an authenticator already, 403
    `second_factor_required` ten minutes after its last code."""
    enrolment = database.transaction(lambda transaction: second_factor.begin(transaction, caller))
    return _shown_once(asdict(enrolment))


@router.post(
    "/auth/totp/confirm",
    tags=["second factor"],
    summary="Enable the authenticator by its first code",
    operation_id="confirm_totp",
    response_model=TotpConfirmed,
    openapi_extra=described(
        "totp_not_started", "invalid_totp_code", "recent_sign_in_required", "second_factor_required"
    ),
)
async def confirm_totp(request: Request, body: FirstTotpCode, caller: Enrolling) -> Response:
    """Signing in asks for a code from now on; the account's other sessions end, and its owner gets a mail. The access
    token replaces the one at hand."""
    confirmed = second_factor.confirm(database, caller, body.code, client_of(request))
    return _shown_once({**asdict(confirmed), "token_type": "Bearer", "expires_in": ACCESS_SECONDS})


@router.post(
    "/auth/totp/verify",
    tags=["second factor"],
    summary="Give a code for this session",
    operation_id="verify_totp",
    status_code=204,
    openapi_extra=described("totp_not_enabled", "invalid_totp_code"),
)
async def verify_totp(request: Request, body: GivenTotpCode, caller: Enrolling) -> Response:
    """Show the second factor again: for ten minutes the session may do what needs a fresh one."""
    second_factor.step_up(database, caller, body.totp_code, client_of(request))
    return Response(None, 204)


@router.post(
    "/auth/totp/recovery-codes",
    tags=["second factor"],
    summary="Get new recovery codes",
    operation_id="renew_recovery_codes",
    response_model=RecoveryCodes,
    openapi_extra=described("totp_not_enabled", "second_factor_required"),
)
async def renew_recovery_codes(request: Request, caller: Enrolling) -> Response:
    """Ten new codes; the old ones are void. 403 `second_factor_required` ten minutes after the last code."""
    codes = database.transaction(
        lambda transaction: second_factor.renew_recovery_codes(transaction, caller, client_of(request))
    )
    return _shown_once({"recovery_codes": codes})


@router.delete(
    "/auth/totp",
    tags=["second factor"],
    summary="Take the authenticator away",
    operation_id="disable_totp",
    status_code=204,
    openapi_extra=described("second_factor_demanded", "second_factor_required"),
)
async def disable_totp(request: Request, caller: Enrolling) -> Response:
    """Signing in asks for no code any more; the recovery codes are void, the account's other sessions end, and its
    owner gets a mail. 403 `second_factor_required` ten minutes after the last code; 409 `second_factor_demanded`
    where the caller's role must have one. Where there is none, 204, and an enrolment that was begun is dropped."""
    expected, client = expected_versions(request), client_of(request)
    mark_sessions(
        database.transaction(lambda transaction: second_factor.disable(transaction, caller, client, expected))
    )
    return Response(None, 204)
