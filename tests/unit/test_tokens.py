"""Access tokens: what holds, and what doesn't."""

import time
from typing import Any

import pytest

from auth.keys import access_token, new_signing_secret, public_keys, successor
from eatit.errors import MisconfiguredError
from eatit.security import Role, verify
from tests.unit.vault import SESSION, USER, Vault, refused, signed


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
