"""A connection to RabbitMQ whose every wait ends at a deadline.

pika's BlockingConnection can't give up on a broker that stays silent (a memory alarm, a stopped process): it waits
for an answer for ever. So this stands on SelectConnection, whose loop runs only as long as the deadline allows.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pika
from pika.adapters.select_connection import IOLoop

from eatit.broker import connection_parameters
from eatit.observability import logger
from eatit.secrets import secret

PIECE = 131_072  # bytes; whenever the socket has taken some, pika copies what is left of the piece
_REFUSED = (pika.exceptions.ProbableAuthenticationError, pika.exceptions.AuthenticationError)


class _JoiningConnection(pika.SelectConnection):  # type: ignore[misc]
    """Sends many messages by one system call: pika makes one a frame, which is three a message, and each wakes the
    broker."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._unsent: list[bytes] | None = None
        self._unsent_bytes = 0
        super().__init__(*arguments, **named)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """What is sent within goes out at its end as one piece, but that as much as `PIECE` goes at once."""
        self._unsent = []
        try:
            yield
        finally:
            self._emit_unsent()
            self._unsent = None

    def _adapter_emit_data(self, data: bytes) -> None:
        if self._unsent is None:
            super()._adapter_emit_data(data)
            return
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes >= PIECE:
            self._emit_unsent()

    def _emit_unsent(self) -> None:
        unsent, self._unsent, self._unsent_bytes = self._unsent, [], 0
        if unsent:
            super()._adapter_emit_data(b"".join(unsent))


class BrokerConnection:
    """One connection with one channel; whoever inherits says how the channel is prepared and what is done on it."""

    def __init__(self) -> None:
        self._connection: Any = None
        self._channel: Any = None
        self._loop: Any = None
        self._open = False
        self._closed_for: BaseException | None = None

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

    def _prepare(self, _channel: Any, ready: Callable[[], None]) -> None:
        """Make the new channel what it has to be, and call `ready` when it is."""
        ready()

    def _connect(self, deadline: float) -> bool:
        self.close()
        loop = IOLoop()

        def opened(connection: Any) -> None:
            connection.channel(on_open_callback=channel_opened)

        def channel_opened(channel: Any) -> None:
            self._channel = channel
            channel.add_on_close_callback(closed)
            self._prepare(channel, ready)

        def ready() -> None:
            self._open = True
            loop.stop()

        def closed(_what: Any, reason: Any) -> None:
            self._open = False
            self._closed_for = reason
            loop.stop()

        refused = False

        def not_opened(_connection: Any, error: Any) -> None:
            nonlocal refused
            refused = isinstance(error, _REFUSED)
            loop.stop()

        self._closed_for = None
        parameters = connection_parameters(timeout=max(0.05, deadline - time.monotonic()))
        self._loop = loop
        self._connection = _JoiningConnection(
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

    @staticmethod
    def _run(loop: Any, until: Callable[[], bool], deadline: float) -> None:
        while not until():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            timer = loop.call_later(remaining, loop.stop)
            loop.start()
            loop.remove_timeout(timer)
