"""An access token is worked through once an environment: what is kept of it ends with the token and with its key."""

import base64
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from eatit import security
from eatit.errors import Unauthenticated
from tests.unit.conftest import ENVIRONMENT

USER = UUID("019a0000-0000-7000-8000-000000000001")


class Keys:
    """A key pair, and the public keys as the secret holds them."""

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        public = base64.urlsafe_b64encode(self.private.public_key().public_bytes_raw()).rstrip(b"=").decode()
        self.public = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": public, "kid": "one", "alg": "EdDSA"}]}

    def token(self, *, lasts: float = 900, **other: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": ENVIRONMENT["TOKEN_ISSUER"], "aud": ENVIRONMENT["TOKEN_AUDIENCE"], "sub": str(USER),
            "role": "customer", "sid": str(uuid4()), "iat": now - 1000, "exp": int(now + lasts), **other,
        }  # fmt: skip
        return jwt.encode(claims, self.private, algorithm="EdDSA", headers={"kid": "one"})


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keys]:
    made = Keys()
    monkeypatch.setattr(security, "secret", lambda name, newer_than=None: made.public)
    security.forget_keys()
    yield made
    security.forget_keys()


@pytest.fixture
def worked_through(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signature was checked, in order."""
    seen: list[str] = []
    decode: Callable[..., Any] = jwt.decode

    def noting(token: str, *arguments: Any, **named: Any) -> Any:
        seen.append(token)
        return decode(token, *arguments, **named)

    monkeypatch.setattr(jwt, "decode", noting)
    return seen


def test_signature_is_checked_once(keys: Keys, worked_through: list[str]) -> None:
    token = keys.token()
    first, second = security.verify(token), security.verify(token)
    assert first == second
    assert first.user_id == USER
    assert worked_through == [token]


def test_kept_token_ends_when_it_says(keys: Keys, worked_through: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    token = keys.token(lasts=60)
    security.verify(token)
    end = time.time() + 60 + security.LEEWAY_SECONDS
    monkeypatch.setattr(time, "time", lambda: end - 3)
    security.verify(token)
    assert worked_through == [token]
    # PyJWT asks a clock of its own, which stands still here: that it is asked again is what ends a token.
    monkeypatch.setattr(time, "time", lambda: end + 3)
    security.verify(token)
    assert worked_through == [token, token]


def test_new_keys_forget_what_the_old_ones_vouched_for(keys: Keys) -> None:
    token = keys.token()
    security.verify(token)
    keys.public = Keys().public
    with pytest.raises(Unauthenticated):
        security.verify(token)


def test_same_keys_read_again_forget_nothing_that_holds(keys: Keys) -> None:
    token = keys.token()
    keys.public = {**keys.public}
    assert security.verify(token).user_id == USER


def test_bad_token_is_never_kept(keys: Keys) -> None:
    stranger = Keys().token()
    late = keys.token(lasts=-60)
    for token in (stranger, late, "", "a.b.c", "ё", f"{keys.token()}x", keys.token(role="tsar")):
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                security.verify(token)


def test_no_more_are_kept_than_a_bound(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "KEPT_TOKENS", 3)
    for _ in range(10):
        security.verify(keys.token())
    assert len(security._verified) <= 3
