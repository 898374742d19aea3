"""How verifiers come to new keys: what is published beforehand costs nothing, the rest a small budget of reads."""

import time
from collections.abc import Callable
from typing import Any

import pytest

import eatit.security
from auth.keys import new_signing_secret, public_keys, replaced, rotated
from eatit.errors import Unavailable
from eatit.security import REFETCH_SECONDS, REFETCHES, verify
from tests.unit.vault import Vault, refused, signed

Clock = Callable[[float], None]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """`on(seconds)` lets time go on; it stands still by itself."""
    now = [10_000.0]
    monkeypatch.setattr("eatit.security.time.monotonic", lambda: now[0])

    def later(seconds: float) -> None:
        now[0] += seconds

    return later


def rotate(vault: Vault) -> None:
    vault.signing = rotated(vault.signing, int(time.time()))


def test_a_rotation_costs_no_read_as_the_next_key_was_published_before(vault: Vault) -> None:
    before = signed(vault)
    verify(before)
    rotate(vault)
    verify(before)
    verify(signed(vault))
    assert vault.anew == 0


def test_rotations_on_each_others_heels_fail_no_token(vault: Vault, on: Clock) -> None:
    tokens = [signed(vault)]
    verify(tokens[0])
    for _ in range(REFETCHES):
        rotate(vault)
        rotate(vault)  # nobody has seen the key that signs now
        tokens.append(signed(vault))
        verify(tokens[-1])
    assert vault.anew == REFETCHES
    for token in tokens:
        verify(token)


def test_garbage_costs_five_reads_and_then_one_in_thirty_seconds(vault: Vault, on: Clock) -> None:
    verify(signed(vault))
    for number in range(1000):
        refused(signed(vault, headers={"kid": f"garbage-{number}"}))
    assert vault.anew == REFETCHES
    on(REFETCH_SECONDS - 1)
    refused(signed(Vault()))
    assert vault.anew == REFETCHES
    on(1)
    for _ in range(50):
        refused(signed(Vault()))
    assert vault.anew == REFETCHES + 1
    on(100 * REFETCH_SECONDS)
    for _ in range(50):
        refused(signed(Vault()))
    assert vault.anew == 2 * REFETCHES + 1


def test_garbage_forgets_no_token_that_holds(vault: Vault, on: Clock) -> None:
    token = signed(vault)
    verify(token)
    refused(signed(Vault()))
    assert vault.anew == 1
    assert token in eatit.security._verified


def test_a_new_key_is_found_again_soon_after_garbage_has_eaten_the_budget(vault: Vault, on: Clock) -> None:
    verify(signed(vault))
    for _ in range(10):
        refused(signed(Vault()))
    rotate(vault)
    verify(signed(vault))
    rotate(vault)
    refused(signed(vault))
    on(REFETCH_SECONDS)
    verify(signed(vault))


def test_replaced_keys_vouch_for_nothing(vault: Vault, on: Clock) -> None:
    stolen = Vault()
    stolen.signing = vault.signing
    before = signed(stolen)
    verify(before)
    vault.signing = replaced(vault.signing)
    verify(signed(vault))
    refused(before)
    refused(signed(stolen, place="next"))


ODD_KEYS: list[Any] = [
    {"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB"},
    {"kty": "EC", "crv": "P-256", "kid": "ec", "x": "AA", "y": "AA"},
    {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
    {"kty": "OKP", "crv": "X25519", "kid": "x", "x": "AA"},
    {"kty": "OKP", "crv": "Ed25519", "kid": "short", "x": "AA"},
    {"kty": "OKP", "crv": "Ed25519", "kid": "not-base64", "x": "é"},
    {"kty": "OKP", "crv": "Ed25519", "kid": "nothing"},
    {"kty": "OKP", "crv": "Ed25519", "kid": "number", "x": 7},
    {name: value for name, value in Vault().jwks["keys"][0].items() if name != "kid"},
    {"kid": ["list"]}, {}, None, "text", 7, [],
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD_KEYS, ids=lambda odd: str(odd)[:40])
@pytest.mark.parametrize("first", [True, False])
def test_a_key_of_no_use_is_left_out_and_the_others_hold(vault: Vault, odd: Any, *, first: bool) -> None:
    keys = public_keys(vault.signing)["keys"]
    vault.jwks = {"keys": [odd, *keys] if first else [*keys, odd]}
    verify(signed(vault))
    verify(signed(vault, place="next"))
    assert vault.anew == 0


@pytest.mark.parametrize("jwks", [{}, {"keys": None}, {"keys": "x"}, {"keys": {}}, {"keys": []}], ids=str)
def test_no_keys_at_all_refuse_every_token(vault: Vault, monkeypatch: pytest.MonkeyPatch, jwks: dict[str, Any]) -> None:
    monkeypatch.setattr(eatit.security, "secret", lambda name, newer_than=None: jwks)
    refused(signed(vault))


def test_a_store_of_secrets_that_is_away_is_no_fault_of_the_token(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(name: str, *, newer_than: float | None = None) -> Any:
        raise Unavailable(what="secrets")

    monkeypatch.setattr(eatit.security, "secret", away)
    with pytest.raises(Unavailable):
        verify(signed(vault))


def test_an_old_signing_secret_in_a_cache_goes_on_signing_what_holds(vault: Vault) -> None:
    """A signer may hold a secret of five minutes ago: its key is among the previous ones by then."""
    cached = Vault()
    cached.signing = vault.signing
    for _ in range(3):
        rotate(vault)
        vault.jwks = public_keys(vault.signing)
        verify(signed(cached))


def test_a_whole_signing_secret_is_new_each_time() -> None:
    first, second = new_signing_secret(), new_signing_secret()
    assert all(first[name] != second[name] for name in ("current", "next", "refresh", "seal", "device"))
