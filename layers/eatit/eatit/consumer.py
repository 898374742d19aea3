"""What every consumer of a queue does alike: take the messages out of Lambda's event, park what it can't use, and put
back what it can't use yet."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pika

from eatit.broker import Message
from eatit.errors import Unavailable
from eatit.observability import logger
from eatit.publisher import Publisher

PARK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it was delivered; `properties` as the event source names them."""

    queue: str
    body: bytes
    properties: dict[str, Any]


def deliveries(event: dict[str, Any]) -> list[Delivery]:
    """The messages of an `aws:rmq` event, in order; one whose data isn't base64 has an empty body.

    https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html
    """
    found = []
    for name, messages in event["rmqMessagesByQueue"].items():
        queue = name.partition("::")[0]
        for message in messages:
            try:
                body = base64.b64decode(message["data"], validate=True)
            except (KeyError, TypeError, binascii.Error, ValueError):
                body = b""
            found.append(Delivery(queue, body, message.get("basicProperties") or {}))
    return found


def park(publisher: Publisher, delivery: Delivery, reason: str) -> None:
    """Put a message aside as it was, confirmed, into `<queue>.parked`, with why and when.

    Raises `Unavailable` when the broker doesn't take it.
    """
    told = reason.encode("utf-8", "replace")[:500].decode("utf-8", "ignore")
    parked_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    _move(publisher, delivery, f"{delivery.queue}.parked", {"x-parked-reason": told, "x-parked-at": parked_at})
    logger.warning(
        "message parked", queue=delivery.queue, reason=reason, message_id=delivery.properties.get("messageId")
    )


def put_back(publisher: Publisher, delivery: Delivery) -> None:
    """Put a message as it was, confirmed, at its queue's end, so that it lets the others pass.

    Raises `Unavailable` when the broker doesn't take it.
    """
    _move(publisher, delivery, delivery.queue, {})


def _move(publisher: Publisher, delivery: Delivery, queue: str, headers: dict[str, str]) -> None:
    given = delivery.properties
    message = Message(
        exchange="",
        routing_key=queue,
        body=delivery.body,
        properties=pika.BasicProperties(
            message_id=given.get("messageId") or "unknown",
            type=given.get("type"),
            content_type=given.get("contentType") or "application/octet-stream",
            delivery_mode=2,
            headers={**_headers(given), **headers},
        ),
        mandatory=True,
    )
    if not all(publisher.publish([message], within=PARK_SECONDS)):
        raise Unavailable(what="broker")


def _headers(properties: dict[str, Any]) -> dict[str, Any]:
    """The message's own headers: the event source hands texts over as lists of bytes."""
    headers: dict[str, Any] = {}
    for name, value in (properties.get("headers") or {}).items():
        if isinstance(value, dict) and isinstance(value.get("bytes"), list):
            headers[name] = bytes(byte % 256 for byte in value["bytes"]).decode("utf-8", "replace")
        elif isinstance(value, str | int):
            headers[name] = value
    return headers
