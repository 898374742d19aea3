"""The keys that sign access tokens, how they follow one another, and what refresh tokens' successors are derived from.

A key is published before it signs and stays published after: next, current, previous. docs/keys.md has the times.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from uuid import UUID

from eatit.errors import MisconfiguredError
from eatit.secrets import secret
from eatit.security import ALGORITHM, enrolling_audience
from eatit.settings import settings

ACCESS_SECONDS = 15 * 60
# A retired key signs on where the old secret is cached (5 min here, 5 more in the Secrets extension), its tokens hold
# for 15 min from then, and 5 min are for clocks and retries.
RETIRED_SECONDS = 30 * 60


def new_signing_secret() -> dict[str, Any]:
    """A fresh signing secret, with all that `completed` makes."""
    return completed({})


def completed(signing: dict[str, Any]) -> dict[str, Any]:
    """The signing secret with what it lacks made at random, and nothing else changed.

    `current` and `next`: Ed25519 key pairs as JSON Web Keys. `previous`: the public halves of retired keys, youngest
    first, each with `retired_at` in Unix seconds. `refresh`, `seal`, `device`: 256 bits each as base64url; what refresh
    tokens' successors are derived from, what seals second factors' secrets, what signs the tokens of known devices.
    """
    makers: dict[str, Callable[[], Any]] = {"current": _new_key, "next": _new_key, "previous": list}
    makers |= dict.fromkeys(("refresh", "seal", "device"), _new_bits)
    return {**signing, **{name: make() for name, make in makers.items() if signing.get(name) is None}}


def rotated(signing: dict[str, Any], now: int) -> dict[str, Any]:
    """The signing secret after a rotation: the next key signs, a fresh one follows, the old one retires.

    `now` in Unix seconds. Keys that retired more than `RETIRED_SECONDS` ago go; the one that retires now stays at least
    until the next rotation. Of a retired key only the public half is kept: nobody signs with it any more but who holds
    the secret of before in a cache, whole.
    """
    before = completed(signing)
    retired = {**_public_half(before["current"]), "retired_at": now}
    kept = [key for key in before["previous"] if now - key["retired_at"] <= RETIRED_SECONDS]
    return {**before, "current": before["next"], "next": _new_key(), "previous": [retired, *kept]}


def replaced(signing: dict[str, Any]) -> dict[str, Any]:
    """The signing secret with everything new that a thief could sign with, and no retired key.

    What seals second factors stays: what it sealed could be opened by nobody else.
    """
    return completed({"seal": signing.get("seal")})


def public_keys(signing: dict[str, Any]) -> dict[str, Any]:
    """The JSON Web Key Set (RFC 7517) of a signing secret: public halves of current, next, and previous ones."""
    signers = [signing[place] for place in ("current", "next") if signing.get(place)]
    return {"keys": [_public_half(key) for key in (*signers, *(signing.get("previous") or ()))]}


def _public_half(key: dict[str, Any]) -> dict[str, Any]:
    return {name: key[name] for name in ("kty", "crv", "x", "kid", "alg", "use")}


def _new_bits() -> str:
    return secrets.token_urlsafe(32)


def _new_key() -> dict[str, str]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    public = _encoded(key.public_key().public_bytes_raw())
    kid = _encoded(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}'.encode()).digest())  # RFC 7638
    private = _encoded(key.private_bytes_raw())
    return {"kty": "OKP", "crv": "Ed25519", "x": public, "d": private, "kid": kid, "alg": ALGORITHM, "use": "sig"}


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def access_token(
    user_id: UUID, role: str, session_id: UUID, *, issued_at: int | None = None, enrolling: bool = False
) -> str:
    """A signed access token (JWT, EdDSA), 15 minutes long. The same claims give the same token.

    `enrolling`: its audience is one that serves to enrol a second factor alone.
    """
    import jwt

    configuration = settings()
    key = _signing()["current"]
    issued = int(time.time()) if issued_at is None else issued_at
    claims = {
        "iss": configuration.token_issuer,
        "aud": enrolling_audience() if enrolling else configuration.token_audience,
        "sub": str(user_id),
        "role": role,
        "sid": str(session_id),
        "iat": issued,
        "exp": issued + ACCESS_SECONDS,
    }
    return jwt.encode(claims, _signer(key["x"], key["d"]), algorithm=ALGORITHM, headers={"kid": key["kid"]})


@lru_cache(maxsize=2)
def _signer(x: str, d: str) -> Any:
    """The key itself, from its JSON Web Key: reading it costs half a signature."""
    import jwt

    return jwt.PyJWK({"kty": "OKP", "crv": "Ed25519", "x": x, "d": d}, ALGORITHM).key


def successor(refresh_token: str) -> str:
    """The refresh token that follows this one: derived, so that only digests are ever stored."""
    key = str(_signing()["refresh"]).encode()
    return _encoded(hmac.digest(key, refresh_token.encode(), "sha256"))


def _signing() -> dict[str, Any]:
    signing = secret("auth/signing")
    if "current" not in signing:
        raise MisconfiguredError("there are no signing keys yet: invoke the key rotation")
    return signing
