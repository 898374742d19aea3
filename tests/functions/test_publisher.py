"""The publisher: many windows of confirms, and of each message whether the broker has it."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pika
import pytest

from eatit.broker import Message
from eatit.broker_connection import PIECE
from eatit.publisher import WINDOW, Publisher
from tests.functions.wire import Wire

MANY = 10 * WINDOW + 7
SECONDS = 30.0


@pytest.fixture
def channel(shop: dict[str, Any]) -> Iterator[Any]:
    """A channel beside the publisher's."""
    connection = pika.BlockingConnection(pika.URLParameters(shop["amqp_url"]))
    yield connection.channel()
    connection.close()


@pytest.fixture
def queue(channel: Any) -> Iterator[Callable[..., str]]:
    """Declares a quorum queue, or one of another kind, that is gone after the test."""
    names: list[str] = []

    def declare(**arguments: Any) -> str:
        names.append(f"tests.{uuid4().hex}")
        channel.queue_declare(names[-1], durable=True, arguments={"x-queue-type": "quorum"} | arguments)
        return names[-1]

    yield declare
    for name in names:
        channel.queue_delete(name)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    """A publisher that is closed after the test."""
    publisher = Publisher()
    yield publisher
    publisher.close()


def messages(queue: str, many: int, body: Callable[[int], bytes] = lambda number: b"%d" % number) -> list[Message]:
    """So many persistent messages to the queue."""
    return [
        Message("", queue, body(number), pika.BasicProperties(message_id=str(number), delivery_mode=2), mandatory=True)
        for number in range(many)
    ]


def taken(channel: Any, queue: str) -> list[bytes]:
    """All bodies that lie in the queue, in their order."""
    bodies: list[bytes] = []
    while True:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            return bodies
        bodies.append(body)


def test_many_windows_arrive_whole_and_in_order(channel: Any, queue: Any, publisher: Publisher) -> None:
    name = queue()
    assert publisher.publish(messages(name, MANY), within=SECONDS) == [True] * MANY
    assert publisher.publish(messages(name, 1), within=SECONDS) == [True]
    assert taken(channel, name) == [b"%d" % number for number in range(MANY)] + [b"0"]


def test_bodies_of_many_frames_go_between_small_ones(channel: Any, queue: Any, publisher: Publisher) -> None:
    name = queue()

    def body(number: int) -> bytes:
        return b"%d" % number * (300_000 if number % 3 == 0 else 1)

    assert publisher.publish(messages(name, 20, body), within=SECONDS) == [True] * 20
    assert taken(channel, name) == [body(number) for number in range(20)]


def test_a_window_of_big_bodies_is_sent_in_pieces(
    channel: Any, queue: Any, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, pieces, emit = queue(), [], pika.SelectConnection._adapter_emit_data

    def noted(connection: Any, data: bytes) -> None:
        pieces.append(len(data))
        emit(connection, data)

    monkeypatch.setattr(pika.SelectConnection, "_adapter_emit_data", noted)
    assert publisher.publish(messages(name, 10, lambda _: b"x" * 1_000_000), within=SECONDS) == [True] * 10
    assert sum(pieces) > 10_000_000
    assert max(pieces) < 2 * PIECE
    assert [len(body) for body in taken(channel, name)] == [1_000_000] * 10


def test_only_what_no_queue_takes_is_not_confirmed(channel: Any, queue: Any, publisher: Publisher) -> None:
    name = queue()
    sent = messages(name, MANY)
    lost = {0, WINDOW - 1, WINDOW, 3 * WINDOW + 7, MANY - 1}
    for number in lost:
        sent[number] = messages(f"{name}.none", MANY)[number]
    assert publisher.publish(sent, within=SECONDS) == [number not in lost for number in range(MANY)]
    assert taken(channel, name) == [b"%d" % number for number in range(MANY) if number not in lost]


def test_what_a_full_queue_refuses_is_not_confirmed(channel: Any, queue: Any, publisher: Publisher) -> None:
    room = WINDOW + 30
    name = queue(**{"x-queue-type": "classic", "x-max-length": room, "x-overflow": "reject-publish"})
    told = publisher.publish(messages(name, MANY), within=SECONDS)
    assert room <= sum(told) < MANY
    assert taken(channel, name) == [b"%d" % number for number, sure in enumerate(told) if sure]


def test_a_connection_that_died_between_is_replaced(
    channel: Any, queue: Any, publisher: Publisher, wired: Callable[[str], Wire]
) -> None:
    wire = wired("AMQP_URL")
    name = queue()
    assert publisher.publish(messages(name, 3), within=SECONDS) == [True] * 3
    wire.cut()
    wire.mend()
    assert publisher.publish(messages(name, MANY), within=SECONDS) == [True] * MANY
    assert len(taken(channel, name)) == MANY + 3


def test_a_silent_broker_costs_no_more_than_the_time_given(
    queue: Any, publisher: Publisher, wired: Callable[[str], Wire]
) -> None:
    wire = wired("AMQP_URL")
    name = queue()
    assert publisher.publish(messages(name, 3), within=SECONDS) == [True] * 3
    wire.hush()
    assert publisher.publish(messages(name, MANY), within=0.2) == [False] * MANY


def test_confirms_that_come_too_late_break_nothing(
    queue: Any, publisher: Publisher, wired: Callable[[str], Wire], caplog: pytest.LogCaptureFixture
) -> None:
    wire = wired("AMQP_URL")
    name = queue()
    assert publisher.publish(messages(name, 1), within=SECONDS) == [True]
    wire.delay()
    publisher.publish(messages(name, 3), within=1.0)  # the confirms come while the connection is being closed
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    assert publisher.publish(messages(name, MANY), within=SECONDS) == [True] * MANY
