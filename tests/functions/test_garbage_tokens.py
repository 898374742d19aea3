"""Garbage tokens cost the store of secrets next to nothing, and what they can't cost is anyone's sign-in."""

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import eatit.secrets
from auth.keys import rotated
from eatit.errors import Unavailable
from eatit.secrets import forget_secrets, secret
from eatit.security import REFETCHES, forget_keys
from localstack.deploy import get_secret, put_secret
from tests.functions.calls import call, good, unique
from tests.functions.conftest import _forget
from tests.functions.events import Context

READS = ("/auth/me", "/store/units", "/basket")
GARBAGE = 1000


@pytest.fixture
def asked(shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The secrets that the store was asked for, from an environment that has just begun."""
    forget_secrets()
    forget_keys()
    names: list[str] = []
    fetch: Callable[..., str] = eatit.secrets._fetch

    def counting(name: str, *, fresh: bool) -> str:
        names.append(name.rpartition("/")[2])
        return fetch(name, fresh=fresh)

    monkeypatch.setattr(eatit.secrets, "_fetch", counting)
    yield names
    forget_secrets()
    forget_keys()


def garbage(number: int) -> str:
    """A token of somebody's own making, as good as ours but for the key."""
    claims = {"sub": str(uuid.uuid4()), "sid": str(uuid.uuid4()), "role": "admin", "iss": "https://eatit/local"}
    kid = base64.urlsafe_b64encode(uuid.uuid4().bytes * 2).rstrip(b"=").decode()
    if number % 2:
        head = base64.urlsafe_b64encode(json.dumps({"alg": "EdDSA", "kid": kid}).encode()).rstrip(b"=").decode()
        return f"{head}.e30.AAAA"
    return jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": kid})


def test_a_thousand_garbage_tokens_cost_the_budget_at_most(customer: Any, asked: list[str]) -> None:
    good(call("GET", "/auth/me", token=customer["access_token"]))
    for number in range(GARBAGE):
        answer = call("GET", READS[number % len(READS)], token=garbage(number))
        assert (answer.status, answer.body["code"]) == (401, "invalid_token")
    # One more may have been filled in meanwhile: a thousand refusals take seconds.
    assert REFETCHES <= asked.count("jwks") - 1 <= REFETCHES + 1
    for path in READS:
        good(call("GET", path, token=customer["access_token"]))


def test_garbage_while_the_store_of_secrets_is_away_is_401_all_the_same(
    customer: Any, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good(call("GET", "/auth/me", token=customer["access_token"]))

    def away(name: str, *, fresh: bool) -> str:
        raise Unavailable(what="secrets")

    monkeypatch.setattr(eatit.secrets, "_fetch", away)
    assert call("GET", "/auth/me", token=garbage(0)).status == 401
    good(call("GET", "/auth/me", token=customer["access_token"]))


@pytest.fixture
def own_keys(shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The same shop with keys of its own, so that nobody else's change: the prefix of its secrets."""
    from auth.key_rotation import handler

    endpoint, prefix = shop["environment"]["AWS_ENDPOINT_URL"], f"eatit/{unique('test')}"
    for name in ("broker", "database/auth", "database/store", "database/basket"):
        put_secret(endpoint, f"{prefix}/{name}", get_secret(endpoint, f"{shop['secrets_prefix']}/{name}"))
    for name in ("auth/signing", "auth/jwks"):
        put_secret(endpoint, f"{prefix}/{name}", {})
    monkeypatch.setenv("SECRETS_PREFIX", prefix)
    _forget()
    handler({}, Context())
    yield prefix
    monkeypatch.undo()
    _forget()


def test_a_signer_with_an_old_secret_signs_what_holds(own_keys: str, customer: Any) -> None:
    """Keys are rotated, and this environment knows nothing of it for as long as it keeps its secrets."""
    from auth.key_rotation import handler

    old = secret("auth/signing")["current"]["kid"]
    told = [handler({"action": "rotate"}, Context()) for _ in range(2)]
    assert all(each["rotated"] for each in told)
    session = good(call("POST", "/auth/refresh", {"refresh_token": customer["refresh_token"]}))
    assert jwt.get_unverified_header(session["access_token"])["kid"] == old
    forget_keys()
    eatit.secrets._kept.pop("auth/jwks", None)  # the verifiers know already
    for path in READS:
        good(call("GET", path, token=session["access_token"]))
    forget_secrets()
    session = good(call("POST", "/auth/refresh", {"refresh_token": session["refresh_token"]}))
    assert jwt.get_unverified_header(session["access_token"])["kid"] == told[-1]["current"]
    for token in (session["access_token"], customer["access_token"]):
        for path in READS:
            good(call("GET", path, token=token))


def test_rotations_at_once_leave_both_secrets_of_one_mind(shop: dict[str, Any], own_keys: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from auth.key_rotation import handler
    from auth.keys import public_keys

    endpoint = shop["environment"]["AWS_ENDPOINT_URL"]
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: handler({"action": "rotate"}, Context()), range(4)))
    signing = get_secret(endpoint, f"{own_keys}/auth/signing")
    assert get_secret(endpoint, f"{own_keys}/auth/jwks") == public_keys(signing)
    assert any(each["rotated"] for each in told)
    assert rotated(signing, 0)["current"] == signing["next"]
