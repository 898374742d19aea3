"""The shapes of /auth: what is sent and what is answered."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from auth.accounts import normalised_email
from auth.passwords import LONGEST, SHORTEST, weakness
from eatit.errors import Fault, Invalid
from eatit.http.shapes import Answer, Body, Change, Text100

Email = Annotated[
    str, BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value), Field(max_length=320)
]
Password = Annotated[str, Field(max_length=10_000)]


def _new_address(value: str) -> str:
    try:
        normalised_email(value)
    except Invalid as error:
        raise _told_with_the_rest(error.faults[0]) from error
    return value


def _new_password(value: str) -> str:
    fault = weakness(value)
    if fault is not None:
        raise _told_with_the_rest(fault)
    return value


def _told_with_the_rest(fault: Fault) -> PydanticCustomError:
    """A rule's fault in the form in which all of a body's faults are gathered."""
    return PydanticCustomError(f"eatit.{fault.code}", "fault", fault.parameters)


Language = Literal["ru", "en"]


class Registration(Body):
    """A new account."""

    email: Annotated[
        Email, AfterValidator(_new_address), Field(json_schema_extra={"format": "email"}, examples=["anna@example.org"])
    ]
    password: Annotated[
        Password,
        AfterValidator(_new_password),
        Field(json_schema_extra={"minLength": SHORTEST, "maxLength": LONGEST}),
    ]
    display_name: Text100 | None = None


class Credentials(Body):
    """What signs an account in."""

    email: Email
    password: Password


class RefreshBody(Body):
    """A refresh token to be rotated."""

    refresh_token: Annotated[str, Field(max_length=500)]


class UserChange(Change):
    """What one may change of oneself."""

    display_name: Text100 | None = None
    language: Language = "ru"


class UserAnswer(Answer):
    """A user."""

    id: UUID
    email: str | None
    email_verified: bool
    display_name: str | None
    language: Language
    role: Literal["customer", "staff", "admin"]
    telegram_id: int | None
    version: int
    created_at: datetime
    updated_at: datetime


class SessionAnswer(Answer):
    """A signed-in session: the user and the token pair; `expires_in` in seconds."""

    user: UserAnswer
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str


class PublicKeys(Answer):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, Any]]
