"""Access tokens: what holds, what doesn't, and how often the keys are read again."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import jwt
import pytest

import auth.keys
import eatit.security
from auth.keys import access_token, new_signing_secret, public_keys, successor
from eatit.errors import MisconfiguredError, Unauthenticated
from eatit.security import Role, forget_keys, verify

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


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    made = Vault()
    monkeypatch.setattr(auth.keys, "secret", lambda name: made.signing)
    monkeypatch.setattr(eatit.security, "secret", made.public)
    forget_keys()
    yield made
    forget_keys()


def signed(vault: Vault, **changes: Any) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": "https://eatit/unit", "aud": "eatit", "sub": str(USER), "role": "staff", "sid": str(SESSION),
        "iat": now, "exp": now + 60,
    }  # fmt: skip
    key = vault.signing["current"]
    told = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(told, jwt.PyJWK(key, "EdDSA").key, algorithm="EdDSA", headers={"kid": key["kid"]})


def refused(token: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        verify(token)
    assert caught.value.code == "invalid_token"


@pytest.mark.parametrize("role", list(Role))
def test_what_we_sign_holds(vault: Vault, role: Role) -> None:
    caller = verify(access_token(USER, role.name, SESSION))
    assert (caller.user_id, caller.role, caller.session_id) == (USER, role, SESSION)
    assert caller.is_staff == (role is not Role.customer)


def test_the_same_claims_give_the_same_token(vault: Vault) -> None:
    at = int(time.time())
    assert access_token(USER, "staff", SESSION, issued_at=at) == access_token(USER, "staff", SESSION, issued_at=at)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "elsewhere"}, {"iss": None}, {"aud": "elsewhere"}, {"aud": None}, {"sub": None}, {"sub": "x"},
        {"role": None}, {"role": "root"}, {"role": ["admin"]}, {"sid": None}, {"sid": "x"}, {"iat": None},
        {"exp": None}, {"exp": 1}, {"iat": 2**33}, {"nbf": 2**33},
    ],
    ids=str,
)  # fmt: skip
def test_a_claim_that_is_wrong_or_missing_is_refused(vault: Vault, changes: dict[str, Any]) -> None:
    verify(signed(vault))
    refused(signed(vault, **changes))


def test_clocks_may_differ_by_five_seconds(vault: Vault) -> None:
    now = int(time.time())
    verify(signed(vault, iat=now - 62, exp=now - 2))
    verify(signed(vault, iat=now + 3, exp=now + 63))
    refused(signed(vault, iat=now - 70, exp=now - 7))
    refused(signed(vault, iat=now + 30, exp=now + 90))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "я.я.я", "." * 2, "e30.e30.e30", "\ud800", "x" * 100_000])
def test_nonsense_is_refused(vault: Vault, token: str) -> None:
    refused(token)


def test_new_keys_are_found_and_nonsense_costs_a_read_in_thirty_seconds_at_most(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 10_000.0
    monkeypatch.setattr("eatit.security.time.monotonic", lambda: now)
    verify(signed(vault))
    assert vault.anew == 0
    vault.signing = new_signing_secret()
    verify(signed(vault))  # an unknown kid has the keys read again
    assert vault.anew == 1
    stranger = Vault()
    for _ in range(50):
        refused(signed(stranger))
    assert vault.anew == 1
    now += 30
    refused(signed(stranger))
    assert vault.anew == 2


def test_public_keys_hold_no_private_half() -> None:
    secret = new_signing_secret()
    for key in public_keys(secret)["keys"]:
        assert set(key) == {"kty", "crv", "x", "kid", "alg", "use"}
    assert secret["current"]["d"] not in str(public_keys(secret))


def test_a_refresh_tokens_successor_is_derived_under_the_secret(vault: Vault) -> None:
    first = successor("token")
    assert first == successor("token") != successor("token2")
    assert len(first) == 43
    vault.signing = new_signing_secret()
    assert successor("token") != first


def test_without_keys_nothing_is_signed(vault: Vault) -> None:
    vault.signing = {}
    with pytest.raises(MisconfiguredError, match="key rotation"):
        access_token(USER, "staff", SESSION)
