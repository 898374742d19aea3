"""Who is calling: access tokens verified with the public keys, and roles.

Tokens are JWTs signed with EdDSA (Ed25519). Only `kid` is read from a token's header; the algorithm is ours, never the
token's (RFC 8725, section 3.1). Keys come from the secret `auth/jwks`. An unknown `kid` makes it be read again: five
times at once and one more every 30 seconds, so that rotations on each other's heels fail no request and garbage costs
next to nothing.
"""

import base64
import time
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from uuid import UUID

import orjson

from eatit.errors import Unauthenticated
from eatit.observability import logger
from eatit.secrets import secret
from eatit.settings import settings

ALGORITHM = "EdDSA"
REFETCHES = 5
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
# When the budget of refetches will be, or was, whole again, by time.monotonic().
_whole_at = 0.0


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
    global _keys_of, _whole_at
    _keys.clear()
    _verified.clear()
    _keys_of, _whole_at = None, 0.0


def _key(kid: str) -> Any:
    _load(secret("auth/jwks"))
    if kid not in _keys and _may_refetch():
        _load(secret("auth/jwks", newer_than=time.monotonic()))
    return _keys[kid]


def _may_refetch() -> bool:
    """Takes one refetch out of the budget, if there is one."""
    global _whole_at
    now = time.monotonic()
    whole_at = max(_whole_at, now) + REFETCH_SECONDS
    if whole_at - now > REFETCHES * REFETCH_SECONDS:
        return False
    _whole_at = whole_at
    return True


def _load(jwks: dict[str, Any]) -> None:
    global _keys_of
    if jwks is _keys_of:
        return
    if jwks != _keys_of:
        _keys.clear()
        _verified.clear()
        _keys.update(_usable(jwks.get("keys")))
    _keys_of = jwks


def _usable(keys: Any) -> dict[str, Any]:
    """Keys by `kid`; one that is of no use here is left out, as RFC 7517, section 5, would have it, and told of."""
    from jwt import PyJWK, PyJWTError

    found: dict[str, Any] = {}
    for key in keys if isinstance(keys, list) else []:
        try:
            found[str(key["kid"])] = PyJWK(key, ALGORITHM).key
        except (PyJWTError, KeyError, TypeError, ValueError, AttributeError) as error:
            logger.warning("a public key is of no use", reason=type(error).__name__)
    return found
