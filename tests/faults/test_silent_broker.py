"""RabbitMQ takes connections and answers nothing: writes are answered all the same, and their events arrive later."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pika
import pytest

from tests.faults.books import parked, settled
from tests.faults.servers import Servers
from tests.gateway.shop import Api, Keeper, eventually, good, problem, unique

QUEUE = "basket.product-sync"
PROMISED = 1.0
TRYING = 0.2  # what a write spends on a broker that doesn't answer, before it leaves it alone for five seconds
SECONDS = 12.0  # so that each environment tries twice
FAULTS = ("memory alarm", "stopped")


def fault(servers: Servers, how: str) -> AbstractContextManager[None]:
    return servers.memory_alarm() if how == "memory alarm" else servers.frozen("rabbitmq")


class Writer:
    """Changes a product's price again and again."""

    def __init__(self, keeper: Keeper, product: Any) -> None:
        self._keeper = keeper
        self._product = product
        self.amount = 100

    def write(self) -> float:
        """One change; how many seconds its answer took."""
        self.amount += 1
        price = {"amount": self.amount, "currency": "RUB"}
        started = time.monotonic()
        good(
            self._keeper.api.patch(f"/store/products/{self._product['id']}", {"price": price}, token=self._keeper.token)
        )
        return time.monotonic() - started


def ninetieth(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=10)[-1]


@pytest.mark.parametrize("how", FAULTS)
def test_writes_are_answered_in_time_and_arrive_later(how: str, servers: Servers, api: Api, keeper: Keeper) -> None:
    product = keeper.product()
    token = api.post("/basket/items", {"product_id": product["id"], "quantity": 1}).headers["X-Basket-Token"]
    writer = Writer(keeper, product)
    healthy = [writer.write() for _ in range(20)]
    with fault(servers, how):
        silent: list[float] = []
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            silent.append(writer.write())
    tried = [seconds for seconds in silent if seconds >= TRYING]
    assert len(tried) >= 2, silent
    assert min(tried) < PROMISED, tried
    assert statistics.median(silent) < PROMISED, silent
    # On a machine that is too busy for the promise anyway, beside the same writes with a broker that answers.
    assert ninetieth(silent) < max(PROMISED, 3 * ninetieth(healthy) + TRYING), (healthy, silent)
    settled(servers)
    line = good(api.get("/basket", basket=token))["items"][0]
    assert line["price"]["amount"] == writer.amount
    assert parked(servers) == {}


@pytest.fixture
def spoilt(servers: Servers) -> Iterator[str]:
    """The id of a message that is parked."""
    connection = pika.BlockingConnection(pika.URLParameters(servers.stack["amqp_url"]))
    channel = connection.channel()
    channel.confirm_delivery()
    marks = {"x-parked-reason": "not JSON", "x-parked-at": "2026-11-21T18:00:00Z"}
    properties = pika.BasicProperties(message_id=unique("spoilt"), delivery_mode=2, headers=marks)
    channel.basic_publish("", f"{QUEUE}.parked", b"garbage", properties, mandatory=True)
    connection.close()
    yield properties.message_id
    connection = pika.BlockingConnection(pika.URLParameters(servers.stack["amqp_url"]))
    connection.channel().queue_purge(f"{QUEUE}.parked")
    connection.close()


@pytest.mark.parametrize("how", FAULTS)
def test_whoever_asks_for_parked_messages_is_told_to_come_again(
    how: str, servers: Servers, api: Api, admin: str, spoilt: str
) -> None:
    path = f"/basket/events/parked?queue={QUEUE}"
    with fault(servers, how):
        for answer in (
            api.get(path, token=admin),
            api.post("/basket/events/replay", {"queue": QUEUE}, token=admin, headers={"Idempotency-Key": unique()}),
        ):
            problem(answer, 503, "unavailable")
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.elapsed.total_seconds() < 10
        told = servers.invoke("EventsFunction")
    assert told["outbox"] is not None
    if how == "memory alarm":  # what can be told without a message is told
        assert {queue["queue"]: queue["parked"] for queue in told["queues"]}[QUEUE] == 1
        assert told["parked"] == [{"queue": QUEUE, "messages": None}]
    else:
        assert told["queues"] is None

    def seen() -> None:
        assert [item["message_id"] for item in good(api.get(path, token=admin))["items"]] == [spoilt]

    eventually(seen)
