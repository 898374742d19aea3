"""The OAuth 2 form of signing in (RFC 6749, sections 4.3, 5 and 6): its shapes, its answers and its errors."""

from typing import Annotated, Any, Literal, TypeVar

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import ConfigDict, Field, ValidationError
from starlette.responses import Response

from auth.models import Credentials, Email, RefreshBody
from auth.sessions import Session
from eatit.errors import DomainError, Invalid
from eatit.http.answers import JSON, dump
from eatit.http.bodies import invalid_request
from eatit.http.forms import FORM
from eatit.http.problems import PROBLEMS, problem_response
from eatit.http.shapes import Answer, Body

NEVER_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749, section 5.1
# OAuth 2's names for our codes; whatever else is refused is an `invalid_grant`. RFC 6749 has none for "wait": the one
# registered nearest says so.
ERRORS = {
    "invalid_body": "invalid_request",
    "unreadable_form": "invalid_request",
    "unsupported_grant_type": "unsupported_grant_type",
    "totp_required": "mfa_required",
    "too_many_requests": "temporarily_unavailable",
    "unavailable": "temporarily_unavailable",
}
OWN_STATUSES = (429, 503)


class PasswordGrant(Credentials):
    """A form with grant_type=password; parameters that nobody knows are passed over (RFC 6749, section 3.2)."""

    model_config = ConfigDict(extra="ignore")

    email: Annotated[Email, Field(alias="username")]


class RefreshGrant(RefreshBody):
    """A form with grant_type=refresh_token."""

    model_config = ConfigDict(extra="ignore")


class TokenAnswer(Answer):
    """A token pair as OAuth 2 has it; `expires_in` in seconds."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str


class RefusalAnswer(Answer):
    """An error as OAuth 2 has it (RFC 6749, section 5.2); `code` is EatIt's own, as in problem details."""

    error: Literal[
        "invalid_request", "invalid_grant", "unsupported_grant_type", "mfa_required", "temporarily_unavailable"
    ]
    error_description: str
    code: str


Grant = TypeVar("Grant", bound=Body)


def read_grant(shape: type[Grant], form: dict[str, str]) -> Grant:
    """The form in the shape of its grant. Raises `Invalid` for what is absent or too long."""
    try:
        return shape.model_validate(form)
    except ValidationError as error:
        found: list[Any] = error.errors(include_url=False)
        told = [{**fault, "loc": ("body", *fault["loc"])} for fault in found]
        raise invalid_request(RequestValidationError(told)) from error


def token_response(session: Session) -> Response:
    """A session's token pair."""
    body = {
        "access_token": session.access_token,
        "token_type": "Bearer",
        "expires_in": session.expires_in,
        "refresh_token": session.refresh_token,
    }
    return Response(dump(body), headers=NEVER_KEPT, media_type=JSON)


def refusal(error: DomainError) -> Response:
    """The answer for an error: 400, or 429 and 503 with `Retry-After`; in English, as its description must be ASCII."""
    problem = problem_response(error, path="/", accept_language="en")
    told = orjson.loads(bytes(problem.body))
    status = problem.status_code if problem.status_code in OWN_STATUSES else 400
    words = told["detail"]
    if isinstance(error, Invalid):
        words = " ".join(f"{fault['pointer'][1:101]}: {fault['detail']}" for fault in told["errors"][:10])
    body = {
        "error": ERRORS.get(error.code, "invalid_grant"),
        "error_description": _described(words),
        "code": told["code"],
    }
    headers = dict(NEVER_KEPT)
    if status in OWN_STATUSES:
        headers["Retry-After"] = problem.headers["Retry-After"]
    return Response(dump(body), status, headers=headers, media_type=JSON)


def _described(words: str) -> str:
    """In the characters that RFC 6749 has for a description: ASCII but quotes, backslashes and controls."""
    plain = words.replace("≥", ">=").replace("≤", "<=").replace('"', "'")
    return "".join(sign if " " <= sign <= "~" and sign != "\\" else "?" for sign in plain)


def _text(words: str, longest: int, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": words, "minLength": 1, "maxLength": longest, **more}


def _passed_over(words: str) -> dict[str, Any]:
    return {"type": "string", "description": f"Passed over{words}."}


_PROPERTIES = {
    "grant_type": {"type": "string", "enum": ["password", "refresh_token"]},
    "username": _text("The account's e-mail address.", 320),
    "password": _text("The account's password.", 10_000, format="password"),
    "totp_code": _text("The code of a second factor, where the account has one.", 100),
    "device_token": _text("What /auth/login gave this device.", 500),
    "refresh_token": _text("The refresh token to be rotated.", 500),
    "scope": _passed_over(": the account's role says what it may do"),
    "client_id": _passed_over(", here and in `Authorization: Basic`: EatIt knows no clients"),
    "client_secret": _passed_over(""),
}
REQUEST_BODY = {
    "required": True,
    "content": {
        FORM: {
            "schema": {
                "type": "object",
                "properties": _PROPERTIES,
                "required": ["grant_type"],
                "additionalProperties": {"type": "string"},  # passed over, but none may stand twice
                "oneOf": [
                    {"properties": {"grant_type": {"const": "password"}}, "required": ["username", "password"]},
                    {"properties": {"grant_type": {"const": "refresh_token"}}, "required": ["refresh_token"]},
                ],
            }
        }
    },
}


def described_refusals(*codes: str) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says of these codes, as FastAPI's `responses`."""
    answers: dict[int | str, dict[str, Any]] = {}
    for code in sorted(codes):
        status = PROBLEMS[code].status if PROBLEMS[code].status in OWN_STATUSES else 400
        answer = answers.setdefault(
            status, {"model": RefusalAnswer, "description": "", "content": {JSON: {"examples": {}}}}
        )
        value = {"error": ERRORS.get(code, "invalid_grant"), "error_description": PROBLEMS[code].en, "code": code}
        answer["content"][JSON]["examples"][code] = {"value": value}
        answer["description"] += f"{', ' if answer['description'] else ''}`{code}`"
    return answers
