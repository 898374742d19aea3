"""The shapes of /auth: what is sent and what is answered."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from auth.accounts import normalised_email
from auth.audit import ACTIONS
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


def _no_number(value: Any) -> Any:
    """0 is not false: to Python, and so to `Literal`, it is."""
    if not isinstance(value, bool):
        raise PydanticCustomError("eatit.wrong_type", "bool", {"expected": ("false", "false")})
    return value


def _told_with_the_rest(fault: Fault) -> PydanticCustomError:
    """A rule's fault in the form in which all of a body's faults are gathered."""
    return PydanticCustomError(f"eatit.{fault.code}", "fault", fault.parameters)


Language = Literal["ru", "en"]
RoleName = Literal["customer", "staff", "admin"]
if TYPE_CHECKING:
    Action = str
else:
    Action = Literal[ACTIONS]
NewPassword = Annotated[
    Password,
    AfterValidator(_new_password),
    Field(json_schema_extra={"minLength": SHORTEST, "maxLength": LONGEST}),
]


class Registration(Body):
    """A new account."""

    email: Annotated[
        Email, AfterValidator(_new_address), Field(json_schema_extra={"format": "email"}, examples=["anna@example.org"])
    ]
    password: NewPassword
    display_name: Text100 | None = None


class Credentials(Body):
    """What signs an account in."""

    email: Email
    password: Password
    totp_code: Annotated[str | None, Field(max_length=100, description="Of the authenticator, or a recovery code.")] = (
        None
    )
    device_token: Annotated[
        str | None, Field(max_length=500, description="What the device was given when it last signed in.")
    ] = None


class PasswordChange(Body):
    """Another password for who is signed in."""

    current_password: Password
    new_password: NewPassword


class Address(Body):
    """Whose password is forgotten."""

    email: Email


class MailToken(Body):
    """A token that came by mail."""

    token: Annotated[str, Field(max_length=500)]


class PasswordReset(MailToken):
    """Another password for whoever holds the token."""

    new_password: NewPassword


class RefreshBody(Body):
    """A refresh token: to be rotated, or its session to be ended."""

    refresh_token: Annotated[str, Field(max_length=500)]


TotpCode = Annotated[str, Field(max_length=100, examples=["492039"])]


class FirstTotpCode(Body):
    """The first code of an authenticator that was told the secret."""

    code: TotpCode


class GivenTotpCode(Body):
    """A code of the authenticator, or a recovery code; spaces and dashes in it don't matter."""

    totp_code: TotpCode


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
    role: RoleName
    telegram_id: int | None
    totp_enabled: bool
    version: int
    created_at: datetime
    updated_at: datetime


class Accepted(Answer):
    """It is under way; there is nothing to tell yet."""


class SessionAnswer(Answer):
    """A signed-in session: the user and the token pair; `expires_in` in seconds."""

    user: UserAnswer
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str


class SignedInAnswer(SessionAnswer):
    """A new session, and a token by which this device is known when it signs in again."""

    device_token: str


class SessionEntry(Answer):
    """One session of a user; `current`: the one that asks."""

    id: UUID
    device: str | None
    address: str | None
    second_factor: bool
    current: bool
    created_at: datetime
    last_seen_at: datetime


class SessionList(Answer):
    """A page of sessions, the newest first."""

    items: list[SessionEntry]
    next_cursor: str | None


class TotpState(Answer):
    """How it stands with one's second factor. `demanded`: one's role must have one; `version`: the user's."""

    enabled: bool
    enabled_at: datetime | None
    recovery_codes_left: int
    demanded: bool
    version: int


class TotpEnrolment(Answer):
    """What an authenticator has to be told: `secret` (base32) by hand, or `uri` as a QR code; `period` in seconds."""

    secret: Annotated[str, Field(examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])]
    uri: Annotated[
        str, Field(examples=["otpauth://totp/EatIt:anna%40example.org?secret=JBSWY3DPEHPK3PXP&issuer=EatIt"])
    ]
    digits: int
    period: int


class RecoveryCodes(Answer):
    """Codes that are good once each in the place of the authenticator's; they are shown this once."""

    recovery_codes: Annotated[list[str], Field(examples=[["7KQ2M-XN4RT-9PWZB-CH3DF"]])]


class TotpConfirmed(RecoveryCodes):
    """Recovery codes, shown this once, and an access token with the role's full rights; `expires_in` in seconds."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class PublicKeys(Answer):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, Any]]


class OpenIdConfiguration(Answer):
    """What a client may find out by itself (OpenID Connect Discovery 1.0, RFC 8414); addresses are absolute."""

    issuer: str
    jwks_uri: str
    token_endpoint: str
    userinfo_endpoint: str
    grant_types_supported: list[str]
    response_types_supported: list[str]
    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    claims_supported: list[str]
    service_documentation: str


class AdminChange(Change):
    """What an admin may change of a user. `totp_enabled` can only be taken away: for somebody whose authenticator and
    recovery codes are lost."""

    role: RoleName = "customer"
    disabled: bool = False
    totp_enabled: Annotated[Literal[False], BeforeValidator(_no_number)] = False


class KnownUserAnswer(UserAnswer):
    """A user as admins see them. `last_seen_at`: when they last signed in or refreshed, of the sessions still kept."""

    disabled: bool
    last_seen_at: datetime | None


class KnownUserList(Answer):
    """A page of users, the newest first."""

    items: list[KnownUserAnswer]
    next_cursor: str | None


class AuditEntry(Answer):
    """What somebody (`actor_id`) did to a user (`user_id`), from where and when; either may be unknown."""

    id: UUID
    at: datetime
    action: Action
    actor_id: UUID | None
    user_id: UUID | None
    session_id: UUID | None
    address: str | None
    device: str | None
    trace_id: str
    details: dict[str, Any]


class AuditList(Answer):
    """A page of the audit, the newest first."""

    items: list[AuditEntry]
    next_cursor: str | None
