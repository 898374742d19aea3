"""New environments, which have no connection yet, where Redis or RabbitMQ refuses, hangs up or stays silent."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.functions.calls import call, good, product
from tests.functions.wire import Wire


@pytest.mark.parametrize("how", ["cut", "hush"])
def test_an_environment_that_never_reached_the_cache_serves_all_the_same(
    how: str, staff: str, wired: Callable[[str], Wire]
) -> None:
    made = product(staff)
    wire = wired("REDIS_URL")
    getattr(wire, how)()
    started = time.monotonic()
    changed = {"price": {"amount": 7, "currency": "RUB"}}
    good(call("PATCH", f"/store/products/{made['id']}", changed, token=staff))
    assert good(call("GET", f"/store/products/{made['id']}"))["price"]["amount"] == 7
    health = good(call("GET", "/store/health"))
    assert (health["status"], health["checks"]["cache"]) == ("degraded", "down")
    assert time.monotonic() - started < 2.0


def test_a_broker_that_falls_silent_leaves_nothing_open(
    staff: str, wired: Callable[[str], Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    import eatit.outbox

    made = product(staff)
    wire = wired("AMQP_URL")
    good(call("PATCH", f"/store/products/{made['id']}", {"name": "Первое"}, token=staff))
    publisher: Any = eatit.outbox._publisher
    assert publisher is not None
    loop = publisher._loop
    wire.hush()
    good(call("PATCH", f"/store/products/{made['id']}", {"name": "Второе"}, token=staff))
    assert publisher._connection is None
    assert loop._poller is None or loop._poller._poll is None


def test_a_password_of_the_broker_that_was_rotated_is_read_anew(
    staff: str, sql: Any, wired: Callable[[str], Wire]
) -> None:
    import eatit.outbox
    from eatit.secrets import _kept, secret

    made = product(staff)
    wired("AMQP_URL")  # begins with no connection
    login = secret("broker")
    at, _ = _kept["broker"]
    _kept["broker"] = at, {**login, "password": "the one before"}
    good(call("PATCH", f"/store/products/{made['id']}", {"name": "Первое"}, token=staff))
    assert _kept["broker"][1] == login
    eatit.outbox._paused_until = 0.0
    good(call("PATCH", f"/store/products/{made['id']}", {"name": "Второе"}, token=staff))
    published = "SELECT published_at IS NOT NULL FROM events.outbox WHERE aggregate_id = %s AND version = 3"
    assert sql.execute(published, [made["id"]]).fetchone() == (True,)


def test_a_database_that_falls_silent_is_503_within_the_functions_time(
    staff: str, customer: Any, wired: Callable[[str], Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    import basket.database
    import store.database
    from eatit.database import CONNECT_SECONDS, SILENT_SECONDS

    assert SILENT_SECONDS + CONNECT_SECONDS < 9
    for database in (basket.database.database, store.database.database):
        monkeypatch.setattr(database, "_silent_seconds", 1.0)
    made = product(staff)
    wire = wired("DATABASE_URL")
    item, token = {"product_id": made["id"], "quantity": 1}, customer["access_token"]
    good(call("POST", "/basket/items", item, token=token))
    live = f"/store/products/{made['id']}/prices"  # what the cache has would be answered all the same
    good(call("GET", live))
    wire.hush()
    for method, path, body in (("POST", "/basket/items", item), ("GET", live, None)):
        started = time.monotonic()
        answer = call(method, path, body, token=token)
        assert (answer.status, answer.body["code"]) == (503, "unavailable")
        assert time.monotonic() - started < 1.0 + CONNECT_SECONDS + 1.0
    wire.cut()
    wire.mend()
    assert good(call("GET", "/basket", token=token))["items"][0]["quantity"] == "1.000"
    good(call("POST", "/basket/items", item, token=token))


def test_a_statement_that_was_forgotten_is_prepared_anew(staff: str, customer: Any) -> None:
    from basket.database import database

    made = product(staff, quantity_step="1")
    token, path = customer["access_token"], f"/basket/items/{made['id']}"
    for quantity in (1, 2, 3, 4):
        good(call("PATCH", path, {"quantity": quantity}, token=token))
    database._driver().execute("DEALLOCATE ALL")
    basket = good(call("PATCH", path, {"quantity": 5}, token=token))
    assert (basket["version"], basket["items"][0]["quantity"]) == (5, "5.000")


def test_secrets_that_cannot_be_asked_for_are_503_within_the_functions_time(wired: Callable[[str], Wire]) -> None:
    from eatit import secrets

    wire = wired("AWS_ENDPOINT_URL")
    secrets._provider.cache_clear()
    try:
        wire.hush()
        started = time.monotonic()
        assert call("GET", "/store/units").status == 503
        assert time.monotonic() - started < 9.0
        wire.cut()
        wire.mend()
        good(call("GET", "/store/units"))
    finally:
        secrets._provider.cache_clear()
