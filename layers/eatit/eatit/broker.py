"""RabbitMQ: how to reach it, what a message is, and the topology that publishers and consumers agree on."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import pika

from eatit.events import EXCHANGE, QUEUES, Event, is_heard
from eatit.secrets import secret
from eatit.settings import settings

DELIVERY_LIMIT = 1000  # a backstop for messages that kill the process; all others are parked by their consumer
# None, in effect: a look at what is parked counts as a delivery, of which RabbitMQ 4 otherwise allows 20.
PARKED_DELIVERY_LIMIT = 1_000_000_000


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


def declare_topology(connection: Any) -> list[str]:
    """Declare the exchange and every deployed queue with its parking place, over a blocking connection; idempotent.

    A poisonous message that kills its consumer a thousand times goes to `<queue>.parked` by the broker's own hand,
    at least once; a full queue refuses new messages rather than dropping old ones.
    """
    channel = connection.channel()
    channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
    for queue, patterns in QUEUES.items():
        channel = _declare_parked(connection, channel, f"{queue}.parked")
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


def _declare_parked(connection: Any, channel: Any, queue: str) -> Any:
    """Declare where messages are parked, unless it is there: one of before has no limit of its own, may hold messages,
    and can't be declared otherwise. The channel to go on with."""
    try:
        channel.queue_declare(queue, passive=True)
        return channel
    except pika.exceptions.ChannelClosedByBroker as error:
        if error.reply_code != 404:
            raise
    channel = connection.channel()
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": PARKED_DELIVERY_LIMIT}
    channel.queue_declare(queue, durable=True, arguments=arguments)
    return channel
