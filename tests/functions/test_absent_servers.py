"""A server that is away: the cache makes it slower, the database 503, and both heal without a restart."""

import time
from collections.abc import Callable
from typing import Any

from tests.functions.calls import call, eventually, good, product, unit
from tests.functions.wire import Wire


def test_without_the_cache_everything_is_served(staff: str, wired: Callable[[str], Wire]) -> None:
    made = product(staff)
    wire = wired("REDIS_URL")
    good(call("GET", f"/store/products/{made['id']}"))
    wire.cut()
    assert good(call("GET", f"/store/products/{made['id']}"))["sku"] == made["sku"]
    assert good(call("GET", "/store/categories"))["items"]
    changed = {"price": {"amount": 1, "currency": "RUB"}}
    good(call("PATCH", f"/store/products/{made['id']}", changed, token=staff))
    assert good(call("GET", f"/store/products/{made['id']}"))["price"]["amount"] == 1
    health = good(call("GET", "/store/health"))
    assert (health["status"], health["checks"]["cache"]) == ("degraded", "down")

    wire.mend()

    def healed() -> None:
        assert good(call("GET", "/store/health"))["status"] == "ok"

    eventually(healed)
    good(call("GET", f"/store/products/{made['id']}"))


def test_a_silent_cache_costs_a_moment_once(staff: str, wired: Callable[[str], Wire]) -> None:
    made = product(staff)
    wire = wired("REDIS_URL")
    good(call("GET", f"/store/products/{made['id']}"))
    wire.hush()
    started = time.monotonic()
    good(call("GET", f"/store/products/{made['id']}"))
    assert time.monotonic() - started < 2.0
    started = time.monotonic()
    for _ in range(5):
        good(call("GET", f"/store/products/{made['id']}"))
    assert time.monotonic() - started < 0.5


def test_without_the_database_it_is_503_and_heals(
    staff: str, customer: Any, shop: dict[str, Any], wired: Callable[[str], Wire]
) -> None:
    made = product(staff)
    wire = wired("DATABASE_URL")
    for path in ("/store/health", "/auth/health", "/basket/health"):
        assert good(call("GET", path))["status"] == "ok"
    wire.cut()
    item = {"product_id": made["id"], "quantity": 1}
    for method, path, body, token in (
        ("POST", "/auth/login", dict(shop["users"]["staff"]), None),
        ("GET", "/auth/me", None, customer["access_token"]),
        ("GET", "/store/units", None, None),
        ("PATCH", f"/store/products/{made['id']}", {"name": "x"}, staff),
        ("GET", "/basket", None, customer["access_token"]),
        ("POST", "/basket/items", item, None),
    ):
        answer = call(method, path, body, token=token)
        assert (answer.status, answer.body["code"]) == (503, "unavailable"), (method, path)
        assert int(answer.headers["retry-after"]) >= 1
        assert "127.0.0.1" not in answer.content.decode()
    for group in ("auth", "store", "basket"):
        down = call("GET", f"/{group}/health")
        assert (down.status, down.body["status"], down.body["checks"]["database"]) == (503, "down", "down")
        assert int(down.headers["retry-after"]) >= 1

    wire.mend()
    good(call("POST", "/auth/login", dict(shop["users"]["staff"])))
    good(call("PATCH", f"/store/products/{made['id']}", {"name": "x"}, token=staff))
    good(call("POST", "/basket/items", item))
    assert good(call("GET", "/store/health"))["status"] == "ok"


def test_a_connection_that_died_while_frozen_is_replaced_silently(
    staff: str, customer: Any, wired: Callable[[str], Wire]
) -> None:
    made = product(staff)
    wire = wired("DATABASE_URL")
    item = {"product_id": made["id"], "quantity": 1}
    for _ in range(3):
        good(call("GET", "/store/units"))
        good(call("POST", "/basket/items", item, token=customer["access_token"]))
        good(call("PATCH", f"/store/products/{made['id']}", {"name": "x"}, token=staff))
        wire.cut()
        wire.mend()
    line = good(call("GET", "/basket", token=customer["access_token"]))["items"][0]
    assert line["quantity"] == "3.000"


def test_a_lock_that_somebody_holds_is_503_in_time(staff: str, sql: Any) -> None:
    kept = unit(staff)
    with sql.transaction():
        sql.execute("SELECT 1 FROM store.units WHERE id = %s FOR UPDATE", [kept["id"]])
        started = time.monotonic()
        answer = call("PATCH", f"/store/units/{kept['id']}", {"name": "x"}, token=staff)
        assert (answer.status, answer.body["code"]) == (503, "unavailable")
        assert time.monotonic() - started < 4.0
    good(call("PATCH", f"/store/units/{kept['id']}", {"name": "x"}, token=staff))
