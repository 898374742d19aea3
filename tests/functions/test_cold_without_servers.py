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
