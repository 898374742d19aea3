"""RabbitMQ: a publisher with confirms and a deadline, and the topology that publishers and consumers agree on.

pika's BlockingConnection can't give up on a broker that stays silent (a memory alarm, a stopped process): it waits
for the confirm for ever. So this stands on SelectConnection, whose loop runs only as long as the deadline allows.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import pika
from pika.adapters.select_connection import IOLoop

from eatit.events import EXCHANGE, QUEUES, Event, is_heard
from eatit.observability import logger
from eatit.secrets import secret
from eatit.settings import settings

WINDOW = 100  # messages under way at once; measured ten times as fast as one by one
DELIVERY_LIMIT = 1000  # a backstop for messages that kill the process; all others are parked by their consumer


@dataclass(frozen=True, slots=True)
class Message:
    """A message to publish. `mandatory`: not confirmed unless some queue took it."""

    exchange: str
    routing_key: str
    body: bytes
    properties: Any
    mandatory: bool


def event_message(event: Event) -> Message:
    """An event as a persistent message to the exchange, its type the routing key."""
    return Message(
        exchange=EXCHANGE,
        routing_key=event.type,
        body=event.body(),
        properties=pika.BasicProperties(
            message_id=str(event.id),
            type=event.type,
            content_type="application/json",
            delivery_mode=2,
            timestamp=int(event.occurred_at.timestamp()),
            headers={"schema_version": event.schema_version, "trace_id": event.trace_id},
        ),
        mandatory=is_heard(event.type),
    )


def connection_parameters(*, timeout: float) -> Any:
    """pika's parameters for the configured broker; every wait of the transport is bounded by `timeout` seconds.

    No heartbeats: they stop while an environment is frozen, and the broker would hang up on it.
    """
    parts = urlsplit(settings().amqp_url)
    login = secret("broker")
    tls = None
    if parts.scheme == "amqps":
        import ssl

        tls = pika.SSLOptions(ssl.create_default_context(), parts.hostname)
    return pika.ConnectionParameters(
        host=parts.hostname,
        port=parts.port or (5671 if tls else 5672),
        virtual_host=unquote(parts.path[1:]) or "/",
        credentials=pika.PlainCredentials(login["username"], login["password"]),
        ssl_options=tls,
        heartbeat=0,
        connection_attempts=1,
        socket_timeout=timeout,
        stack_timeout=timeout,
        blocked_connection_timeout=timeout,
        tcp_options={"TCP_USER_TIMEOUT": int(timeout * 1000)},
    )


def declare_topology(channel: Any) -> list[str]:
    """Declare the exchange and every deployed queue with its parking place, on a blocking channel; idempotent.

    A poisonous message that kills its consumer a thousand times goes to `<queue>.parked` by the broker's own hand,
    at least once; a full queue refuses new messages rather than dropping old ones.
    """
    channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
    for queue, patterns in QUEUES.items():
        channel.queue_declare(f"{queue}.parked", durable=True, arguments={"x-queue-type": "quorum"})
        channel.queue_declare(
            queue,
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-delivery-limit": DELIVERY_LIMIT,
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": f"{queue}.parked",
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            },
        )
        for pattern in patterns:
            channel.queue_bind(queue, EXCHANGE, routing_key=pattern)
    return list(QUEUES)


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
        if connection.is_open:
            connection.close()
            self._run(loop, lambda: bool(connection.is_closed), time.monotonic() + 0.05)
        if not connection.is_closed and connection._transport is not None:
            # A silent broker never answers the close; only the transport itself can be dropped.
            connection._transport.abort()
            self._run(loop, lambda: bool(connection.is_closed), time.monotonic() + 0.05)
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

        parameters = connection_parameters(timeout=max(0.05, deadline - time.monotonic()))
        self._loop = loop
        self._connection = pika.SelectConnection(
            parameters,
            on_open_callback=opened,
            on_open_error_callback=closed,
            on_close_callback=closed,
            custom_ioloop=loop,
        )
        self._run(loop, lambda: self._open or self._connection.is_closed, deadline)
        if not self._open:
            logger.warning("no connection to the broker")
            self.close()
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
