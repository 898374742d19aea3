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


@dataclass(slots=True)
class _Flight:
    """The messages under way: delivery tag to index, and which came back or were confirmed."""

    tags: dict[int, int] = field(default_factory=dict)
    returned: set[str] = field(default_factory=set)
    confirmed: set[int] = field(default_factory=set)


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
        waiting = [index for index, sure in enumerate(done) if not sure]
        for start in range(0, len(waiting), WINDOW):
            self._flight.tags.clear()
            self._flight.returned.clear()
            self._flight.confirmed.clear()
            for index in waiting[start : start + WINDOW]:
                message = messages[index]
                try:
                    self._channel.basic_publish(
                        message.exchange, message.routing_key, message.body, message.properties, message.mandatory
                    )
                except pika.exceptions.AMQPError:
                    self._open = False
                    return
                self._flight.tags[self._next_tag()] = index
            self._run(self._loop, lambda: not self._flight.tags or not self._open, deadline)
            for index in self._flight.confirmed:
                done[index] = messages[index].properties.message_id not in self._flight.returned
            if self._flight.tags or not self._open:
                return

    def _next_tag(self) -> int:
        self._channel.eatit_tag = getattr(self._channel, "eatit_tag", 0) + 1
        return int(self._channel.eatit_tag)

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        tags = (
            [tag for tag in self._flight.tags if tag <= method.delivery_tag]
            if method.multiple
            else [method.delivery_tag]
        )
        for tag in tags:
            index = self._flight.tags.pop(tag, None)
            if index is not None and isinstance(method, pika.spec.Basic.Ack):
                self._flight.confirmed.add(index)
        if not self._flight.tags:
            self._loop.stop()

    def _on_return(self, _channel: Any, method: Any, properties: Any, _body: bytes) -> None:
        logger.warning("no queue takes this message", routing_key=method.routing_key, message_id=properties.message_id)
        self._flight.returned.add(properties.message_id)
