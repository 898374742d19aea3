"""Parked messages are looked at without losing any, and go back into their queue at least once."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pika
import pytest

from eatit.errors import Unavailable
from eatit.parked import DELIVERIES, Counts, Replayed, counts, look, replay
from eatit.publisher import Publisher
from tests.functions.calls import eventually
from tests.functions.environment import surroundings
from tests.functions.wire import Wire

WITHIN = 5.0
REASON = "not JSON: unexpected character: line 1 column 1 (char 0)"
MARKS = {"x-parked-reason": REASON, "x-parked-at": "2026-11-21T18:00:00Z"}
# RabbitMQ 4 gives every quorum queue this limit where its declaration says nothing.
TWENTY = {"x-queue-type": "quorum", "x-delivery-limit": 20}


class Place:
    """A queue of the test's own and the one beside it where its messages are parked."""

    def __init__(self, url: str) -> None:
        self.name = f"tests.{uuid4().hex}"
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self._connection.channel()
        self.channel.confirm_delivery()

    def declare(self, *, arguments: dict[str, Any] | None = None, parked: dict[str, Any] | None = None) -> None:
        quorum = {"x-queue-type": "quorum"}
        self.channel.queue_declare(f"{self.name}.parked", durable=True, arguments=parked or quorum)
        self.channel.queue_declare(self.name, durable=True, arguments=quorum if arguments is None else arguments)

    def put(self, body: bytes, *, queue: str = "", **headers: Any) -> None:
        """Park a message, or put it into another queue."""
        properties = pika.BasicProperties(
            message_id=body.decode(), type="store.product.changed", content_type="application/json", headers=headers
        )
        self.channel.basic_publish("", queue or f"{self.name}.parked", body, properties, mandatory=True)

    def waiting(self) -> tuple[int, int]:
        """How many messages are in the queue, and how many are parked."""
        names = (self.name, f"{self.name}.parked")
        ready, parked = (self.channel.queue_declare(name, passive=True).method.message_count for name in names)
        return ready, parked

    def take(self, queue: str = "") -> list[tuple[Any, bytes]]:
        """Take all that is in the queue."""
        found: list[tuple[Any, bytes]] = []
        while True:
            method, properties, body = self.channel.basic_get(queue or self.name, auto_ack=True)
            if method is None:
                return found
            found.append((properties, body))

    def end(self) -> None:
        for name in (self.name, f"{self.name}.parked"):
            self.channel.queue_delete(name)
        self._connection.close()


@pytest.fixture
def place(shop: dict[str, Any]) -> Iterator[Place]:
    made = Place(shop["amqp_url"])
    yield made
    made.end()


def own_headers(properties: Any) -> dict[str, Any]:
    """The headers without the broker's own count, which has begun again."""
    headers = dict(properties.headers or {})
    assert headers.pop("x-delivery-count", 0) == 0
    return headers


def settled(place: Place, ready: int, parked: int) -> None:
    """The broker counts a little later than it acts."""

    def look() -> None:
        assert place.waiting() == (ready, parked)

    eventually(look)


def test_a_look_tells_what_is_parked_and_leaves_it_there(place: Place) -> None:
    place.declare()
    for name in (b"one", b"two", b"three"):
        place.put(name, **MARKS)
    found, total = look(place.name, limit=2, within=WITHIN)
    assert total == 3
    assert [(each.message_id, each.type, each.bytes) for each in found] == [
        ("one", "store.product.changed", 3),
        ("two", "store.product.changed", 3),
    ]
    assert {(each.reason, each.parked_at, each.death) for each in found} == {(*MARKS.values(), None)}
    settled(place, 0, 3)
    assert counts([place.name, "tests.none"], within=WITHIN) == {place.name: Counts(0, 0, 3), "tests.none": None}


def test_looks_lose_nothing_where_twenty_deliveries_are_the_limit(place: Place) -> None:
    place.declare(parked=TWENTY)
    names: list[bytes] = []
    for turn in range(5 * DELIVERIES):
        if turn % 7 == 0 and turn < 20:  # so that they aren't parked anew together
            names.append(b"number %d" % len(names))
            place.put(names[-1], trace_id="trace-1", **MARKS)
        found, _ = look(place.name, limit=10, within=WITHIN)
        assert sorted(str(each.message_id) for each in found) == [name.decode() for name in names]
        settled(place, 0, len(names))
    kept = place.take(f"{place.name}.parked")
    assert sorted(body for _, body in kept) == names
    for properties, _ in kept:
        assert MARKS.items() <= properties.headers.items()
        assert properties.headers["trace_id"] == "trace-1"
        assert properties.delivery_mode == 2


def test_nothing_is_looked_at_while_the_broker_takes_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.declare(parked=TWENTY)
    place.put(b"one", **MARKS)
    monkeypatch.setattr(Publisher, "publish", lambda self, messages, *, within: [False] * len(messages))
    for _ in range(30):
        with pytest.raises(Unavailable):
            look(place.name, limit=1, within=WITHIN)
    settled(place, 0, 1)


def test_what_the_broker_parked_tells_of_its_death(place: Place) -> None:
    place.declare(
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": 2,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": f"{place.name}.parked",
        }
    )
    place.put(b"killer", queue=place.name)

    def killed() -> None:
        method, _, _ = place.channel.basic_get(place.name)
        if method is not None:
            place.channel.basic_nack(method.delivery_tag, requeue=True)
        assert place.waiting() == (0, 1)

    eventually(killed)
    ((found,), _) = look(place.name, limit=1, within=WITHIN)
    assert (found.message_id, found.reason, found.parked_at) == ("killer", None, None)
    assert found.death is not None
    assert {name: found.death[name] for name in ("reason", "count", "queue")} == {
        "reason": "delivery_limit",
        "count": 1,
        "queue": place.name,
    }
    assert re.fullmatch(r"20[0-9-]{8}T[0-9:]{8}Z", found.death["at"])
    assert replay(place.name, limit=1, within=WITHIN) == Replayed(1, 0)
    ((properties, body),) = place.take()
    assert (body, properties.message_id, own_headers(properties)) == (b"killer", "killer", {})


def test_what_goes_back_is_as_it_was_before_it_was_parked(place: Place) -> None:
    place.declare()
    died: dict[str, Any] = {"x-death": [{"reason": "rejected"}], "x-first-death-queue": "q"}
    place.put(b"one", schema_version=1, trace_id="trace-1", **MARKS, **died)
    look(place.name, limit=1, within=WITHIN)  # from now on the broker counts its deliveries
    assert replay(place.name, limit=10, within=WITHIN) == Replayed(1, 0)
    settled(place, 1, 0)
    ((properties, body),) = place.take()
    assert body == b"one"
    assert own_headers(properties) == {"schema_version": 1, "trace_id": "trace-1"}
    assert (properties.message_id, properties.type) == ("one", "store.product.changed")
    assert (properties.content_type, properties.delivery_mode) == ("application/json", 2)


def test_the_oldest_go_first_and_no_more_than_the_limit(place: Place) -> None:
    place.declare()
    for number in range(250):
        place.put(b"%03d" % number, **MARKS)
    assert replay(place.name, limit=120, within=30) == Replayed(120, 130)
    assert [body for _, body in place.take()] == [b"%03d" % number for number in range(120)]


def test_what_is_parked_again_meanwhile_stays(place: Place) -> None:
    # A queue that refuses everything at once, as a consumer does that still can't use it.
    place.declare(
        arguments={
            "x-message-ttl": 0,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": f"{place.name}.parked",
        }
    )
    for number in range(150):
        place.put(b"%03d" % number, **MARKS)
    assert replay(place.name, limit=1000, within=30).replayed == 150
    settled(place, 0, 150)


def test_large_messages_go_back_too(place: Place) -> None:
    place.declare()
    for number in range(3):
        place.channel.basic_publish("", f"{place.name}.parked", b"%d" % number * 10_000_000, mandatory=True)
    assert replay(place.name, limit=10, within=60) == Replayed(3, 0)
    settled(place, 3, 0)


def test_nothing_was_ever_parked(place: Place) -> None:
    assert look("tests.none", limit=1, within=WITHIN) == ([], 0)
    assert replay("tests.none", limit=1, within=WITHIN) == Replayed(0, 0)


KILLED = """
import os, signal, sys
import eatit.parked
from eatit.publisher import Publisher
publish = Publisher.publish
def die_after(self, messages, *, within):
    confirmed = publish(self, messages, within=within)
    if messages[0].routing_key == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)
    return confirmed
Publisher.publish = die_after
eatit.parked.replay(sys.argv[1], limit=10, within=30)
"""


def test_killed_before_it_lets_go_it_doubles_and_loses_nothing(place: Place) -> None:
    place.declare()
    for name in (b"one", b"two"):
        place.put(name, **MARKS)
    child = [sys.executable, "-c", KILLED, place.name]
    killed = subprocess.run(child, env=surroundings(), capture_output=True, check=False, timeout=60)
    assert killed.returncode == -9, killed.stderr.decode()
    settled(place, 2, 2)
    assert replay(place.name, limit=10, within=WITHIN) == Replayed(2, 0)
    assert sorted(body for _, body in place.take()) == [b"one", b"one", b"two", b"two"]


@pytest.mark.parametrize("how", ["cut", "hush"])
def test_a_broker_that_is_away_or_silent_is_told_of_in_time(how: str, wired: Callable[[str], Wire]) -> None:
    getattr(wired("AMQP_URL"), how)()
    for ask in (
        lambda: look("basket.product-sync", limit=1, within=0.5),
        lambda: replay("basket.product-sync", limit=1, within=0.5),
        lambda: counts(["basket.product-sync"], within=0.5),
    ):
        started = time.monotonic()
        with pytest.raises(Unavailable):
            ask()
        assert time.monotonic() - started < 3


def test_a_broker_that_falls_silent_in_the_middle_loses_nothing(
    place: Place, wired: Callable[[str], Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.declare()
    place.put(b"one", **MARKS)
    wire = wired("AMQP_URL")
    publish = Publisher.publish

    def hushed(self: Publisher, messages: Any, *, within: float) -> list[bool]:
        if messages[0].routing_key:
            wire.hush()
        return publish(self, messages, within=within)

    monkeypatch.setattr(Publisher, "publish", hushed)
    started = time.monotonic()
    with pytest.raises(Unavailable):
        replay(place.name, limit=1, within=2.0)
    assert time.monotonic() - started < 5
    wire.cut()
    settled(place, 0, 1)
