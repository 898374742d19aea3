"""The cache's races, really played: environments are processes that stop between two of their steps, or are killed
there, and wires to Redis are cut. docs/cache.md says why each must end well."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis

from eatit.cache import LEASE_MILLISECONDS
from eatit.settings import settings
from store.fresh import PRODUCT_SECONDS
from tests.functions.calls import Answer, call, eventually, good, product, unique
from tests.functions.environment import Environment
from tests.functions.wire import Wire

OLD, NEW = 12990, 777
CHANGE = {"price": {"amount": NEW, "currency": "RUB"}}
PATHS = ["/store/products/{id}", "/store/products?category={category_id}"]


@pytest.fixture
def elsewhere() -> Iterator[Environment]:
    """Another environment than the tests' own."""
    made = Environment()
    good(made.call("GET", "/store/health"))  # it is warm
    yield made
    made.kill()


def _amount(answer: Answer) -> int:
    """The price in an answer about one product, or about a page that holds it alone."""
    body = good(answer)
    if "items" in body:
        (body,) = body["items"]
    return int(body["price"]["amount"])


def _change(thing: Any, token: str) -> None:
    good(call("PATCH", f"/store/products/{thing['id']}", CHANGE, token=token))


@pytest.mark.parametrize("path", PATHS)
def test_a_slow_filler_over_a_commit_leaves_nothing_stale(staff: str, elsewhere: Environment, path: str) -> None:
    thing = product(staff)
    asked = path.format(**thing)
    elsewhere.begin("GET", asked, stop=("read",))
    elsewhere.reached("read")
    _change(thing, staff)
    elsewhere.go_on()
    assert _amount(elsewhere.finish()) == OLD  # it had asked before the change
    assert _amount(call("GET", asked)) == NEW
    assert _amount(elsewhere.call("GET", asked)) == NEW


@pytest.mark.parametrize("path", PATHS)
def test_a_reader_between_the_first_delete_and_the_commit_leaves_nothing_stale(
    staff: str, elsewhere: Environment, path: str
) -> None:
    thing = product(staff)
    asked = path.format(**thing)
    elsewhere.begin("PATCH", f"/store/products/{thing['id']}", CHANGE, token=staff, stop=("deleted",))
    elsewhere.reached("deleted")
    assert _amount(call("GET", asked)) == OLD  # and it is kept
    elsewhere.go_on()
    good(elsewhere.finish())
    assert _amount(call("GET", asked)) == NEW


@pytest.mark.parametrize("path", PATHS)
def test_killed_between_commit_and_delete_what_is_stale_lives_for_five_seconds(
    staff: str, elsewhere: Environment, path: str
) -> None:
    thing = product(staff)
    asked = path.format(**thing)
    elsewhere.begin("PATCH", f"/store/products/{thing['id']}", CHANGE, token=staff, stop=("deleted",), die="committed")
    elsewhere.reached("deleted")
    assert _amount(call("GET", asked)) == OLD
    filled = time.monotonic()
    elsewhere.go_on()
    elsewhere.was_killed()
    assert _amount(call("GET", f"/store/products/{thing['id']}", token=staff)) == NEW  # it had committed
    assert _amount(call("GET", asked)) == OLD  # the worst there is

    def fresh() -> None:
        assert _amount(call("GET", asked)) == NEW

    eventually(fresh)
    assert time.monotonic() - filled < PRODUCT_SECONDS + 0.5


def test_a_tree_left_stale_by_a_killed_writer_lives_for_a_minute(staff: str, elsewhere: Environment) -> None:
    body = {"name": "Новая", "slug": unique("c")}
    elsewhere.begin("POST", "/store/categories", body, token=staff, stop=("deleted",), die="committed")
    elsewhere.reached("deleted")
    good(call("GET", "/store/categories"))
    elsewhere.go_on()
    elsewhere.was_killed()
    with Redis.from_url(settings().redis_url) as client:
        assert 50_000 < client.pttl("store:categories:ru") <= 60_000
    product(staff)  # whoever writes a category next mends it
    assert body["slug"] in {item["slug"] for item in good(call("GET", "/store/categories"))["items"]}


@pytest.mark.parametrize("path", PATHS)
def test_redis_cut_off_from_the_writer_what_is_stale_lives_for_five_seconds(
    staff: str, elsewhere: Environment, wired: Callable[[str], Wire], path: str
) -> None:
    thing = product(staff)
    asked = path.format(**thing)
    wire = wired("REDIS_URL")
    wire.cut()
    assert _amount(elsewhere.call("GET", asked)) == OLD
    filled = time.monotonic()
    _change(thing, staff)  # 2xx, though nothing could be deleted
    assert _amount(call("GET", asked)) == NEW  # whoever can't reach Redis reads the database

    def fresh() -> None:
        assert _amount(elsewhere.call("GET", asked)) == NEW

    eventually(fresh)
    assert time.monotonic() - filled < PRODUCT_SECONDS + 0.5
    wire.mend()


@pytest.mark.parametrize("path", PATHS)
def test_redis_cut_off_in_the_middle_of_a_write(
    staff: str, elsewhere: Environment, wired: Callable[[str], Wire], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Between its two deletes; then a new connection is at work, and the promise holds again."""
    from store.database import cache

    thing = product(staff)
    asked = path.format(**thing)
    wire = wired("REDIS_URL")
    good(call("GET", asked))
    invalidate, cuts = cache.invalidate, [wire.cut]

    def invalidate_and_cut(keys: Any) -> None:
        invalidate(keys)
        if cuts:
            cuts.pop()()
            assert _amount(elsewhere.call("GET", asked)) == OLD  # kept, and not deleted by this write any more

    monkeypatch.setattr(cache, "invalidate", invalidate_and_cut)
    _change(thing, staff)
    eventually(lambda: _equal(_amount(elsewhere.call("GET", asked)), NEW), seconds=PRODUCT_SECONDS + 1)
    wire.mend()
    changed = {"price": {"amount": 1, "currency": "RUB"}}
    good(call("PATCH", f"/store/products/{thing['id']}", changed, token=staff))
    assert _amount(elsewhere.call("GET", asked)) == 1


def _equal(found: int, expected: int) -> None:
    assert found == expected


@pytest.mark.parametrize("path", PATHS)
def test_a_killed_filler_is_waited_for_no_longer_than_its_lease(staff: str, elsewhere: Environment, path: str) -> None:
    thing = product(staff)
    asked = path.format(**thing)
    elsewhere.begin("GET", asked, stop=("read",))
    elsewhere.reached("read")
    elsewhere.kill()
    started = time.monotonic()
    assert _amount(call("GET", asked)) == OLD
    assert time.monotonic() - started < LEASE_MILLISECONDS / 1000 + 1
    started = time.monotonic()
    assert _amount(call("GET", asked)) == OLD  # the one who took over has kept it
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("path", PATHS)
def test_a_filler_that_loses_redis_answers_all_the_same(
    staff: str, wired: Callable[[str], Wire], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    from store.database import database

    thing = product(staff)
    wire = wired("REDIS_URL")
    read = database.read

    def reading(*given: Any) -> Any:
        found = read(*given)
        wire.cut()
        return found

    monkeypatch.setattr(database, "read", reading)
    assert _amount(call("GET", path.format(**thing))) == OLD
    wire.mend()


@pytest.mark.parametrize("path", PATHS)
def test_redis_emptied_under_a_filler_keeps_nothing(staff: str, elsewhere: Environment, path: str) -> None:
    """As after a restart: the lease is gone, and the generation's word never comes again."""
    thing = product(staff)
    asked = path.format(**thing)
    elsewhere.begin("GET", asked, stop=("read",))
    elsewhere.reached("read")
    with Redis.from_url(settings().redis_url) as client:
        client.delete(*client.scan_iter("store:*", count=1000))
    _change(thing, staff)
    elsewhere.go_on()
    good(elsewhere.finish())
    assert _amount(call("GET", asked)) == NEW
