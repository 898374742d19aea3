"""Redis is killed in the middle of load through the gateway: answers get slower, and none fails."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.shop import Api, Keeper, eventually, good
from tests.integration.test_whole_stack import Shop

READERS = 6
BEFORE = AFTER = 60  # requests


@pytest.fixture
def own(tmp_path: Path, system_packages: None) -> Iterator[Shop]:
    """A stack whose Redis may be killed."""
    shop = Shop(tmp_path / "run")
    try:
        shop.up()
        yield shop
    finally:
        shop.call("stop")


def test_no_request_fails_when_redis_is_killed(own: Shop) -> None:
    api = Api(own.stack["url"])
    token = eventually(lambda: good(api.post("/auth/login", own.stack["users"]["staff"])))["access_token"]
    keeper = Keeper(api, token)
    thing = keeper.product()
    paths = [
        f"/store/products/{thing['id']}",
        "/store/products",
        f"/store/products?category={thing['category_id']}",
        "/store/categories",
        "/store/units",
    ]
    statuses: Counter[tuple[str, int]] = Counter()
    prices: set[int] = set()
    enough = threading.Event()

    def read(path: str) -> None:
        mine = Api(own.stack["url"])
        while not enough.is_set():
            statuses[path, mine.get(path).status_code] += 1
        mine.session.close()

    def write() -> None:
        mine = Keeper(Api(own.stack["url"]), token)
        while not enough.is_set():
            amount = len(prices) + 1
            price = {"amount": amount, "currency": "RUB"}
            answer = mine.api.patch(f"/store/products/{thing['id']}", {"price": price}, token=token)
            statuses["PATCH", answer.status_code] += 1
            prices.add(amount)
        mine.api.session.close()

    for path in paths:
        good(api.get(path))
    threads = [threading.Thread(target=read, args=(paths[turn % len(paths)],)) for turn in range(READERS)]
    threads.append(threading.Thread(target=write))
    for thread in threads:
        thread.start()

    def go_on(requests: int) -> None:
        wanted, deadline = statuses.total() + requests, time.monotonic() + 60
        while statuses.total() < wanted:
            assert time.monotonic() < deadline, statuses
            enough.wait(0.02)

    try:
        go_on(BEFORE)
        os.kill(own.stack["pids"]["redis"], signal.SIGKILL)
        go_on(AFTER)
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    assert {status for _, status in statuses} == {200}, statuses
    assert {path for path, _ in statuses} == {*paths, "PATCH"}
    health = good(api.get("/store/health"))
    assert (health["status"], health["checks"]["cache"]) == ("degraded", "down")
    assert good(api.get(paths[0]))["price"]["amount"] == max(prices)
    api.session.close()
