"""A publisher with confirms and a deadline.

pika's BlockingConnection can't give up on a broker that stays silent (a memory alarm, a stopped process): it waits
for the confirm for ever. So this stands on SelectConnection, whose loop runs only as long as the deadline allows.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pika
from pika.adapters.select_connection import IOLoop

from eatit.broker import Message, connection_parameters
from eatit.observability import logger
from eatit.secrets import secret

_REFUSED = (pika.exceptions.ProbableAuthenticationError, pika.exceptions.AuthenticationError)
WINDOW = 100  # messages under way at once; measured ten times as fast as one by one


@dataclass(slots=True)
class _Flight:
    """The messages under way: delivery tag to index, and which came back or were confirmed."""

    tags: dict[int, int] = field(default_factory=dict)
    returned: set[str] = field(default_factory=set)
    confirmed: set[int] = field(default_factory=set)


class Publisher:
    """A kept connection that publishes with confirms, in windows, and gives up at a deadline."""

    def __init__(self) -> None:
        self._connection: Any = None
        self._channel: Any = None
        self._loop: Any = None
        self._open = False
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

    def close(self) -> None:
        """End the connection at once."""
        connection, loop = self._connection, self._loop
        self._connection = self._channel = self._loop = None
        self._open = False
        if connection is None:
            return
        try:
            if connection.is_open:
                connection.close()
                self._run(loop, lambda: bool(connection.is_closed), time.monotonic() + 0.05)
            if not connection.is_closed and connection._transport is not None:
                # A silent broker never answers the close; only the transport itself can be dropped.
                connection._transport.abort()
                self._run(loop, lambda: bool(connection.is_closed), time.monotonic() + 0.05)
        except (AssertionError, pika.exceptions.AMQPError):
            # pika has no notion of a transport dropped while its connection closes; it is dropped all the same.
            logger.debug("closed in the middle of closing", exc_info=True)
        finally:
            loop.close()

    def _connect(self, deadline: float) -> bool:
        self.close()
        self._flight = _Flight()
        loop = IOLoop()

        def opened(connection: Any) -> None:
            connection.channel(on_open_callback=channel_opened)

        def channel_opened(channel: Any) -> None:
            self._channel = channel
            channel.add_on_return_callback(self._on_return)
            channel.add_on_close_callback(closed)
            channel.confirm_delivery(self._on_confirm, callback=confirming)

        def confirming(_frame: Any) -> None:
            self._open = True
            loop.stop()

        def closed(*_: Any) -> None:
            self._open = False
            loop.stop()

        refused = False

        def not_opened(_connection: Any, error: Any) -> None:
            nonlocal refused
            refused = isinstance(error, _REFUSED)
            loop.stop()

        parameters = connection_parameters(timeout=max(0.05, deadline - time.monotonic()))
        self._loop = loop
        self._connection = pika.SelectConnection(
            parameters,
            on_open_callback=opened,
            on_open_error_callback=not_opened,
            on_close_callback=closed,
            custom_ioloop=loop,
        )
        self._run(loop, lambda: self._open or self._connection.is_closed, deadline)
        if not self._open:
            logger.warning("no connection to the broker")
            self.close()
            if refused:
                secret("broker", newer_than=time.monotonic())  # rotated since it was read, perhaps: for the next try
        return self._open

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

    @staticmethod
    def _run(loop: Any, until: Callable[[], bool], deadline: float) -> None:
        while not until():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            timer = loop.call_later(remaining, loop.stop)
            loop.start()
            loop.remove_timeout(timer)
