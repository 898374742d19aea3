"""Who is calling: access tokens verified with the public keys, and roles.

Tokens are JWTs signed with EdDSA (Ed25519). Only `kid` is read from a token's header; the algorithm is ours, never the
token's (RFC 8725, section 3.1). Keys come from the secret `auth/jwks`; an unknown `kid` makes it be read again, at
most every 30 seconds, so that garbage costs nothing.
"""

import base64
import time
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from uuid import UUID

import orjson

from eatit.errors import Unauthenticated
from eatit.secrets import secret
from eatit.settings import settings

ALGORITHM = "EdDSA"
REFETCH_SECONDS = 30.0
LEEWAY_SECONDS = 5
KEPT_TOKENS = 500


class Role(IntEnum):
    """The roles, each able to do what the ones below it can."""

    customer = 1
    staff = 2
    admin = 3


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller: the user, their role, and the session that the token belongs to.

    `enrolling`: the role must have a second factor and the session hasn't: the token serves to enrol one, no more.
    """

    user_id: UUID
    role: Role
    session_id: UUID
    enrolling: bool = False

    @property
    def is_staff(self) -> bool:
        """Staff or admin."""
        return self.role >= Role.staff


_keys: dict[str, Any] = {}
_keys_of: dict[str, Any] | None = None
_verified: dict[str, tuple[Caller, int]] = {}
_refetched_at = -REFETCH_SECONDS


def verify(token: str) -> Caller:
    """The caller that an access token stands for.

    What it says of a token can only change with the keys or by the token's end, so within an environment each token is
    worked through once while the keys stay the same, and only its end is looked at again.
    Raises `Unauthenticated` (`invalid_token`) for whatever is wrong with it, without saying what.
    """
    if token in _verified:
        _load(secret("auth/jwks"))
    caller, ends = _verified.get(token, (None, 0))
    if caller is not None and ends + LEEWAY_SECONDS > time.time():
        return caller
    caller, ends = _worked_through(token)
    if len(_verified) >= KEPT_TOKENS:
        _verified.clear()
    _verified[token] = caller, ends
    return caller


def _worked_through(token: str) -> tuple[Caller, int]:
    """The caller, and when the token ends, in Unix seconds."""
    import jwt

    configuration = settings()
    try:
        kid = _kid_of(token)
        claims = jwt.decode(
            token,
            _key(kid),
            algorithms=[ALGORITHM],
            issuer=configuration.token_issuer,
            audience=(configuration.token_audience, enrolling_audience()),
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "sid", "role"]},
        )
        enrolling = claims["aud"] != configuration.token_audience
        return Caller(UUID(claims["sub"]), Role[claims["role"]], UUID(claims["sid"]), enrolling), int(claims["exp"])
    except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Unauthenticated("invalid_token") from error


def enrolling_audience() -> str:
    """The audience of a token that can only enrol a second factor: whoever doesn't know of it refuses the token."""
    return f"{settings().token_audience}/enrol"


def _kid_of(token: str) -> str:
    """What the header says of the key, nothing of which is believed: the signature is checked over it afterwards.

    PyJWT would read the whole token for it, a quarter of a verification.
    """
    header = token.partition(".")[0]
    kid = orjson.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
    if not isinstance(kid, str):
        raise TypeError("kid is not a text")
    return kid


def forget_keys() -> None:
    """Drop the kept keys; the next token reads them anew."""
    global _keys_of, _refetched_at
    _keys.clear()
    _verified.clear()
    _keys_of, _refetched_at = None, -REFETCH_SECONDS


def _key(kid: str) -> Any:
    global _refetched_at
    _load(secret("auth/jwks"))
    if kid not in _keys and time.monotonic() - _refetched_at >= REFETCH_SECONDS:
        _refetched_at = time.monotonic()
        _load(secret("auth/jwks", newer_than=time.monotonic()))
    return _keys[kid]


def _load(jwks: dict[str, Any]) -> None:
    global _keys_of
    if jwks is _keys_of:
        return
    from jwt import PyJWK

    _keys.clear()
    _verified.clear()
    _keys.update({key["kid"]: PyJWK(key, ALGORITHM).key for key in jwks.get("keys", [])})
    _keys_of = jwks
