"""Parked messages: what lies in `<queue>.parked` and why, and the way back into the queue.

A message is taken from where it is parked only after its queue has confirmed that it has it: a crash in between
doubles it, which consumers bear. A look counts as a delivery, and RabbitMQ 4 drops what was delivered twenty times and
not taken, unless the queue says otherwise, as those do that are declared now. For queues of before, a message that was
delivered ten times is parked anew, so that its count begins again; and nothing is looked at while the broker takes no
messages, since it couldn't be parked anew then.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pika

from eatit.broker import Message
from eatit.broker_connection import BrokerConnection
from eatit.errors import Unavailable
from eatit.observability import logger
from eatit.publisher import Publisher
from eatit.secrets import secret

DELIVERIES = 10
# How many go back at once. A quorum queue takes 32 acknowledgements without a pause; RabbitMQ keeps the rest back, and
# forgets them when the channel ends: those messages would be there twice.
WINDOW = 30
WINDOW_BYTES = 8_000_000
# The last part of the time, for answers that are under way; no other message is begun in it.
ENDING_SECONDS = 1.0
TOLD_CHARACTERS = 500
# What consumers and the broker wrote on a message when it was parked, or each time that it was given back.
_MARKS = ("x-parked-", "x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")
_COUNTS = ("x-delivery-count", "x-acquired-count")


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked message: `reason` and `parked_at` as its consumer wrote them, or `death`, where the broker itself parked
    it: its `reason`, how often (`count`), from which `queue` and `at` what time. Texts are cut at 500 characters."""

    message_id: str | None
    type: str | None
    bytes: int
    reason: str | None
    parked_at: str | None
    death: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many messages wait in a queue (`ready`), how many consumers it has, and how many are `parked`."""

    ready: int
    consumers: int
    parked: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many messages went back into their queue, and how many are parked there now."""

    replayed: int
    left: int


@dataclass(frozen=True, slots=True)
class _Taken:
    tag: int
    properties: Any
    body: bytes


def counts(queues: Sequence[str], *, within: float) -> dict[str, Counts | None]:
    """Of each queue what is in it; `None` for one that isn't there. Raises `Unavailable` after `within` seconds."""
    found: dict[str, Counts | None] = {}
    with _Shelf(within) as shelf:
        for queue in queues:
            stands = shelf.declared(queue)
            parked = shelf.declared(f"{queue}.parked")
            found[queue] = Counts(*stands, parked=parked[0] if parked else 0) if stands else None
    return found


def look(queue: str, *, limit: int, within: float) -> tuple[list[Parked], int]:
    """The first of a queue's parked messages, `limit` at most, which stay where they are, and how many there are.

    Whoever looks at the same moment sees the others only. Raises `Unavailable` after `within` seconds.
    """
    with _Shelf(within) as shelf:
        total = shelf.depth(queue)
        seen: list[Parked] = []
        if total:
            shelf.probe()
        while len(seen) < min(limit, total) and shelf.has_time():
            taken = shelf.take(queue)
            if taken is None:
                break
            seen.append(_told(taken))
            if _deliveries(taken) >= DELIVERIES:
                shelf.park_anew(queue, taken)
        shelf.put_back()
        shelf.depth(queue)  # its answer comes after they are back
    return seen, total


def replay(queue: str, *, limit: int, within: float) -> Replayed:
    """Put what is parked now, `limit` messages at most, the oldest first, back into its queue.

    What comes to be parked meanwhile is left. Ends early when the time does. Raises `Unavailable` after `within`
    seconds at the latest, when the broker is away or silent, whatever was put back by then.
    """
    replayed = 0
    with _Shelf(within) as shelf:
        wanted = min(limit, shelf.depth(queue))
        if wanted:
            shelf.probe()
        while replayed < wanted and shelf.has_time():
            window = shelf.take_window(queue, wanted - replayed)
            if not window:
                break
            shelf.move(window, queue, _without(_MARKS))
            replayed += len(window)
        return Replayed(replayed, shelf.depth(queue))


class _Shelf(BrokerConnection):
    """A connection for one look or one replay, all within its time. What was taken and not moved is put back when it
    ends, however that is."""

    def __init__(self, within: float) -> None:
        super().__init__()
        secret("broker")  # read before the clock starts
        self._deadline = time.monotonic() + within
        self._publisher = Publisher()
        self._empty: Callable[[], None] = lambda: None

    def __enter__(self) -> "_Shelf":
        if not self._connect(self._deadline):
            raise Unavailable(what="broker")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._publisher.close()

    def has_time(self) -> bool:
        """Whether there is time for another message."""
        return time.monotonic() < self._deadline - ENDING_SECONDS

    def declared(self, queue: str) -> tuple[int, int] | None:
        """A queue's messages that are ready, and its consumers; `None` where there is no such queue."""
        if not self._open and not self._connect(self._deadline):
            raise Unavailable(what="broker")
        try:
            (frame,) = self._ask(lambda heard: self._channel.queue_declare(queue, passive=True, callback=heard))
        except Unavailable:
            if getattr(self._closed_for, "reply_code", None) == 404:
                return None
            raise
        return int(frame.method.message_count), int(frame.method.consumer_count)

    def depth(self, queue: str) -> int:
        """How many messages are parked for a queue; none where nothing ever was."""
        stands = self.declared(f"{queue}.parked")
        return stands[0] if stands else 0

    def probe(self) -> None:
        """Make sure that the broker takes messages, by two to a queue that nobody has: under an alarm it takes
        the first of a connection all the same."""
        self._publish([Message("", "", b"", pika.BasicProperties(), mandatory=False)] * 2)

    def take(self, queue: str) -> _Taken | None:
        """The next of the parked messages, or `None`."""

        def get(heard: Callable[..., None]) -> None:
            self._empty = heard
            self._channel.basic_get(f"{queue}.parked", lambda _channel, *got: heard(*got))

        got = self._ask(get)
        return _Taken(got[0].delivery_tag, got[1], got[2]) if got else None

    def take_window(self, queue: str, most: int) -> list[_Taken]:
        """The next ones, as many as go back at once."""
        window: list[_Taken] = []
        size = 0
        while len(window) < min(most, WINDOW) and size < WINDOW_BYTES and (not window or self.has_time()):
            taken = self.take(queue)
            if taken is None:
                break
            window.append(taken)
            size += len(taken.body)
        return window

    def move(self, window: Sequence[_Taken], queue: str, kept: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        """Publish copies to a queue, with the headers that `kept` leaves, and once they are confirmed let the originals
        go. Raises `Unavailable` when some aren't, which stay."""
        confirmed = self._publish([_copy(taken, queue, kept(_headers(taken))) for taken in window], partly=True)
        for taken, sure in zip(window, confirmed, strict=True):
            if sure:
                self._channel.basic_ack(taken.tag)
        if not all(confirmed):
            logger.warning("not all could be moved", queue=queue, moved=sum(confirmed), left=len(window))
            self.put_back()
            raise Unavailable(what="broker")

    def park_anew(self, queue: str, taken: _Taken) -> None:
        """Put a copy at the end of what is parked, in place of the message."""
        self.move([taken], f"{queue}.parked", _without(_COUNTS))

    def put_back(self) -> None:
        """Leave all that was taken where it was."""
        if self._open:
            self._channel.basic_nack(0, multiple=True, requeue=True)

    def _prepare(self, channel: Any, ready: Callable[[], None]) -> None:
        channel.add_callback(lambda _frame: self._empty(), [pika.spec.Basic.GetEmpty], one_shot=False)
        ready()

    def _publish(self, messages: Sequence[Message], *, partly: bool = False) -> list[bool]:
        confirmed = self._publisher.publish(messages, within=max(0.0, self._deadline - time.monotonic()))
        if not all(confirmed) and not partly:
            raise Unavailable(what="broker")
        return confirmed

    def _ask(self, begin: Callable[[Callable[..., None]], None]) -> tuple[Any, ...]:
        """What the broker answers to what `begin` asks of it."""
        answers: list[tuple[Any, ...]] = []

        def heard(*answer: Any) -> None:
            answers.append(answer)
            self._loop.stop()

        try:
            begin(heard)
        except pika.exceptions.AMQPError as error:
            raise Unavailable(what="broker") from error
        self._run(self._loop, lambda: bool(answers) or not self._open, self._deadline)
        if not answers:
            raise Unavailable(what="broker")
        return answers[0]


def _headers(taken: _Taken) -> dict[str, Any]:
    return taken.properties.headers or {}


def _deliveries(taken: _Taken) -> int:
    count = _headers(taken).get("x-delivery-count")
    return count if isinstance(count, int) else 0


def _without(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda headers: {name: value for name, value in headers.items() if not name.startswith(names)}


def _copy(taken: _Taken, queue: str, headers: dict[str, Any]) -> Message:
    given = taken.properties
    properties = pika.BasicProperties(
        message_id=given.message_id,
        type=given.type,
        content_type=given.content_type,
        content_encoding=given.content_encoding,
        timestamp=given.timestamp,
        delivery_mode=2,
        headers=headers,
    )
    return Message("", queue, taken.body, properties, mandatory=True)


def _told(taken: _Taken) -> Parked:
    given, headers = taken.properties, _headers(taken)
    deaths = headers.get("x-death")
    last = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else None
    death = None
    if last is not None and "x-parked-reason" not in headers:
        moment = last.get("time")  # UTC
        death = {
            "reason": _text(last.get("reason")),
            "count": last.get("count") if isinstance(last.get("count"), int) else None,
            "queue": _text(last.get("queue")),
            "at": moment.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(moment, datetime) else None,
        }
    return Parked(
        message_id=_text(given.message_id),
        type=_text(given.type),
        bytes=len(taken.body),
        reason=_text(headers.get("x-parked-reason")),
        parked_at=_text(headers.get("x-parked-at")),
        death=death,
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text[:TOLD_CHARACTERS].encode("utf-8", "replace").decode()
