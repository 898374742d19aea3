"""The keys that sign access tokens, and the secret that refresh tokens' successors are derived from."""

import base64
import hashlib
import hmac
import secrets
import time
from typing import Any
from uuid import UUID

from eatit.errors import MisconfiguredError
from eatit.secrets import secret
from eatit.security import ALGORITHM
from eatit.settings import settings

ACCESS_SECONDS = 15 * 60


def new_signing_secret() -> dict[str, Any]:
    """A fresh signing secret: an Ed25519 key pair under its `kid`, and 256 bits to derive refresh tokens from."""
    return {"current": _new_key(), "refresh": secrets.token_urlsafe(32)}


def public_keys(signing: dict[str, Any]) -> dict[str, Any]:
    """The JSON Web Key Set of a signing secret: public halves only."""
    names = ("kty", "crv", "x", "kid", "alg", "use")
    keys = (signing[place] for place in ("current", "next", "previous") if signing.get(place))
    return {"keys": [{name: key[name] for name in names} for key in keys]}


def _new_key() -> dict[str, str]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    public = _encoded(key.public_key().public_bytes_raw())
    kid = _encoded(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}'.encode()).digest())  # RFC 7638
    private = _encoded(key.private_bytes_raw())
    return {"kty": "OKP", "crv": "Ed25519", "x": public, "d": private, "kid": kid, "alg": ALGORITHM, "use": "sig"}


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def access_token(user_id: UUID, role: str, session_id: UUID, *, issued_at: int | None = None) -> str:
    """A signed access token (JWT, EdDSA), 15 minutes long. The same claims give the same token."""
    import jwt

    configuration = settings()
    key = _signing()["current"]
    issued = int(time.time()) if issued_at is None else issued_at
    claims = {
        "iss": configuration.token_issuer,
        "aud": configuration.token_audience,
        "sub": str(user_id),
        "role": role,
        "sid": str(session_id),
        "iat": issued,
        "exp": issued + ACCESS_SECONDS,
    }
    return jwt.encode(claims, jwt.PyJWK(key, ALGORITHM).key, algorithm=ALGORITHM, headers={"kid": key["kid"]})


def successor(refresh_token: str) -> str:
    """The refresh token that follows this one: derived, so that only digests are ever stored."""
    key = str(_signing()["refresh"]).encode()
    return _encoded(hmac.digest(key, refresh_token.encode(), "sha256"))


def _signing() -> dict[str, Any]:
    signing = secret("auth/signing")
    if "current" not in signing:
        raise MisconfiguredError("there are no signing keys yet: invoke the key rotation")
    return signing
