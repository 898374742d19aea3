"""The cache's promise, against the real server: one filler, nothing stale after a write, nothing kept too long."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from eatit.cache import Cache
from eatit.settings import settings
from tests.functions.calls import eventually, unique


@pytest.fixture
def cache() -> Iterator[Cache]:
    made = Cache(unique("tests"))
    yield made
    made.close()


def test_what_is_kept_isnt_made_again(cache: Cache) -> None:
    made = iter([b"one", b"two"])
    for _ in range(3):
        assert cache.get_or_fill("key", lambda: next(made), seconds=60) == b"one"
    cache.invalidate(["key"])
    assert cache.get_or_fill("key", lambda: next(made), seconds=60) == b"two"


def test_nothing_isnt_kept(cache: Cache) -> None:
    assert cache.get_or_fill("key", lambda: None, seconds=60) is None
    assert cache.get_or_fill("key", lambda: b"now", seconds=60) == b"now"


def test_what_was_read_before_a_write_is_never_kept_after_it(cache: Cache) -> None:
    def slow() -> bytes:
        cache.invalidate(["key"])  # a write comes in between
        return b"stale"

    assert cache.get_or_fill("key", slow, seconds=60) == b"stale"
    assert cache.get_or_fill("key", lambda: b"fresh", seconds=60) == b"fresh"


def test_it_is_gone_when_its_time_is_over(cache: Cache) -> None:
    cache.get_or_fill("key", lambda: b"old", seconds=0.05)

    def gone() -> None:
        assert cache.get_or_fill("key", lambda: b"new", seconds=60) == b"new"

    eventually(gone)


def test_nothing_lives_longer_than_a_minute(cache: Cache) -> None:
    cache.get_or_fill("key", lambda: b"x", seconds=3600)
    with Redis.from_url(settings().redis_url) as client:
        assert 55_000 < client.pttl(f"{cache._prefix}:key") <= 60_000


def test_of_many_at_once_one_fills(cache: Cache) -> None:
    fillings: list[int] = []
    begun, all_there = threading.Event(), threading.Barrier(6, timeout=10)

    def fill() -> bytes:
        fillings.append(1)
        begun.wait(0.1)
        return b"made"

    def ask() -> bytes | None:
        mine = Cache(cache._prefix)
        mine.ping()
        all_there.wait()
        try:
            return mine.get_or_fill("key", fill, seconds=60)
        finally:
            mine.close()

    with ThreadPoolExecutor(6) as pool:
        found = [each.result() for each in [pool.submit(ask) for _ in range(6)]]
    assert found == [b"made"] * 6
    assert len(fillings) == 1
