"""Too many wrong passwords for one account are 429 for a while, whoever sends them, with Redis and without."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis

from auth import limits
from tests.functions.calls import call
from tests.functions.wire import Wire

MOST = 30


@pytest.fixture
def account() -> tuple[str, str]:
    email, password = f"{uuid4().hex}@shop.example", "gooseberry jam"
    assert call("POST", "/auth/register", {"email": email, "password": password}).status == 201
    return email, password


@pytest.fixture(autouse=True)
def _reachable() -> Iterator[None]:
    limits._paused_until = 0.0
    yield
    limits._paused_until = 0.0


def sign_in(email: str, password: str) -> Any:
    return call("POST", "/auth/login", {"email": email, "password": password})


def fail(email: str, times: int) -> None:
    for _ in range(times):
        assert sign_in(email, "not it, surely").status == 401


def test_the_thirty_first_try_has_to_wait(account: tuple[str, str], shop: dict[str, Any]) -> None:
    email, password = account
    fail(email, MOST)
    answer = sign_in(email.upper(), "not it, surely")
    assert (answer.status, answer.body["code"]) == (429, "too_many_requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 300
    assert sign_in(email, password).status == 429
    with redis.Redis.from_url(shop["redis_url"]) as client:
        kept = [name.decode() for name in client.scan_iter("*wrong-passwords*")]
        assert kept
        assert not any(email in name for name in kept)
        client.delete(*kept)
    assert sign_in(email, password).status == 200, "the window has passed"


def test_an_unknown_address_is_no_different() -> None:
    email = f"{uuid4().hex}@shop.example"
    fail(email, MOST)
    assert sign_in(email, "not it, surely").status == 429


def test_others_and_the_forgetful_sign_in(account: tuple[str, str]) -> None:
    email, password = account
    fail(f"{uuid4().hex}@shop.example", 3)
    fail(email, MOST - 1)
    assert sign_in(email, password).status == 200
    fail(email, MOST - 1)
    assert sign_in(email, password).status == 200


def test_it_counts_without_redis_too(account: tuple[str, str], wired: Any) -> None:
    email, _ = account
    wire: Wire = wired("REDIS_URL")
    wire.cut()
    fail(email, MOST)
    assert sign_in(email, "not it, surely").status == 429
