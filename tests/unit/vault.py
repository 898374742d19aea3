"""The two key secrets of a deployment that is nowhere, and tokens that nearly hold."""

import time
from typing import Any
from uuid import UUID

import jwt
import pytest

from auth.keys import new_signing_secret, public_keys
from eatit.errors import Unauthenticated
from eatit.security import verify

USER, SESSION = UUID(int=1), UUID(int=2)


class Vault:
    """The two secrets, and how often the public keys were asked for anew."""

    def __init__(self) -> None:
        self.signing = new_signing_secret()
        self.jwks = public_keys(self.signing)
        self.anew = 0

    def public(self, name: str, *, newer_than: float | None = None) -> dict[str, Any]:
        assert name == "auth/jwks"
        if newer_than is not None:
            self.anew += 1
            self.jwks = dict(public_keys(self.signing))
        return self.jwks


def claims_of(**changes: Any) -> dict[str, Any]:
    """The claims of a sound token, but for these; None leaves one out."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": "https://eatit/unit", "aud": "eatit", "sub": str(USER), "role": "staff", "sid": str(SESSION),
        "iat": now, "exp": now + 60,
    }  # fmt: skip
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def signed(vault: Vault, *, headers: dict[str, Any] | None = None, place: str = "current", **changes: Any) -> str:
    """A token that a key of the vault's signed, with these headers besides and these claims changed."""
    key = vault.signing[place]
    told = {"kid": key["kid"], **(headers or {})}
    return jwt.encode(claims_of(**changes), jwt.PyJWK(key, "EdDSA").key, algorithm="EdDSA", headers=told)


def refused(token: str) -> None:
    """It is no token here, and nothing is said of why."""
    with pytest.raises(Unauthenticated) as caught:
        verify(token)
    assert caught.value.code == "invalid_token"
