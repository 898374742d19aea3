"""A publisher with confirms and a deadline."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pika

from eatit.broker import Message
from eatit.broker_connection import BrokerConnection
from eatit.observability import logger
from eatit.secrets import secret

WINDOW = 100  # messages under way at once; measured ten times as fast as one by one
REFILL = WINDOW // 2  # so many are left when the next are sent: the broker has work while they are made


@dataclass(slots=True)
class _Flight:
    """The messages under way: delivery tag to index, which came back, and of each message whether it is safe."""

    done: list[bool] = field(default_factory=list)
    identifiers: list[str] = field(default_factory=list)
    tags: dict[int, int] = field(default_factory=dict)
    returned: set[str] = field(default_factory=set)
    enough: int = 0  # with so many under way, or fewer, there is something else to do


class Publisher(BrokerConnection):
    """A kept connection that publishes with confirms, in windows, and gives up at a deadline."""

    def __init__(self) -> None:
        super().__init__()
        self._flight = _Flight()

    def publish(self, messages: Sequence[Message], *, within: float) -> list[bool]:
        """Publish in order and say of each whether the broker confirmed that it has it safe, after `within` seconds
        at the latest. A connection that turns out dead is replaced once."""
        if not self._open:
            secret("broker")  # read before the clock starts: a new environment's first event would be late by it
        deadline = time.monotonic() + within
        done = [False] * len(messages)
        for fresh in (False, True):
            if not self._open and not self._connect(deadline):
                break
            self._send(messages, done, deadline)
            if all(done) or self._open or fresh or time.monotonic() >= deadline:
                break
        if not all(done):
            self.close()
        return done

    def _prepare(self, channel: Any, ready: Callable[[], None]) -> None:
        self._flight = _Flight()
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=lambda _frame: ready())

    def _send(self, messages: Sequence[Message], done: list[bool], deadline: float) -> None:
        """Keep a window of messages under way until all are confirmed, the connection is lost or the time is over."""
        flight = self._flight
        flight.done, flight.identifiers = done, [message.properties.message_id for message in messages]
        flight.tags.clear()
        flight.returned.clear()
        waiting = [index for index, sure in enumerate(done) if not sure]
        sent = 0
        while (sent < len(waiting) or flight.tags) and self._open:
            try:
                with self._connection.joined():
                    for index in waiting[sent : sent + WINDOW - len(flight.tags)]:
                        message = messages[index]
                        self._channel.basic_publish(
                            message.exchange, message.routing_key, message.body, message.properties, message.mandatory
                        )
                        flight.tags[self._next_tag()] = index
                        sent += 1
            except pika.exceptions.AMQPError:
                self._open = False
                return
            flight.enough = REFILL if sent < len(waiting) else 0
            self._run(self._loop, lambda: len(flight.tags) <= flight.enough or not self._open, deadline)
            if len(flight.tags) > flight.enough:
                return

    def _next_tag(self) -> int:
        self._channel.eatit_tag = getattr(self._channel, "eatit_tag", 0) + 1
        return int(self._channel.eatit_tag)

    def _on_confirm(self, frame: Any) -> None:
        flight, method = self._flight, frame.method
        tags = [tag for tag in flight.tags if tag <= method.delivery_tag] if method.multiple else [method.delivery_tag]
        for tag in tags:
            index = flight.tags.pop(tag, None)
            if index is not None and isinstance(method, pika.spec.Basic.Ack):
                # A message that no queue takes comes back before it is confirmed.
                flight.done[index] = flight.identifiers[index] not in flight.returned
        # Confirms that come while the connection is being closed count, but there is no loop to stop any more.
        if self._loop is not None and len(flight.tags) <= flight.enough:
            self._loop.stop()

    def _on_return(self, _channel: Any, method: Any, properties: Any, _body: bytes) -> None:
        logger.warning("no queue takes this message", routing_key=method.routing_key, message_id=properties.message_id)
        self._flight.returned.add(properties.message_id)
