"""The events that AWS's event sources hand to functions: RabbitMQ batches (`aws:rmq`) and EventBridge schedules."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pika.spec import BasicProperties

ACCOUNT = "000000000000"
REGION = "us-east-1"
BROKER_ARN = f"arn:aws:mq:{REGION}:{ACCOUNT}:broker:eatit:b-00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Message:
    """One delivery that isn't acknowledged yet."""

    delivery_tag: int
    redelivered: bool
    properties: BasicProperties
    body: bytes


def batch(queue: str, virtual_host: str, messages: Iterable[Message], *, again: bool = False) -> dict[str, Any]:
    """The event for messages of one queue, in the shape that Lambda gives it for Amazon MQ.

    The key is `queue::virtual-host`, bodies are base64, strings in headers are lists of bytes. `again` marks all as
    redelivered, as they are when a batch is tried once more. The shape is Powertools' `rabbitMQEvent.json` and
    https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html.
    """
    return {
        "eventSource": "aws:rmq",
        "eventSourceArn": BROKER_ARN,
        "rmqMessagesByQueue": {f"{queue}::{virtual_host}": [_message(each, again) for each in messages]},
    }


def scheduled(rule: str, at: datetime, given: str | None = None) -> Any:
    """The event of an EventBridge rule with a schedule; `given`, the rule's own input as JSON, takes its place."""
    if given is not None:
        return json.loads(given)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}"],
        "detail": {},
    }


def _message(message: Message, again: bool) -> dict[str, Any]:
    properties = message.properties
    return {
        "basicProperties": {
            "contentType": properties.content_type,
            "contentEncoding": properties.content_encoding,
            "headers": {name: _header(value) for name, value in (properties.headers or {}).items()},
            "deliveryMode": properties.delivery_mode,
            "priority": properties.priority,
            "correlationId": properties.correlation_id,
            "replyTo": properties.reply_to,
            "expiration": properties.expiration,
            "messageId": properties.message_id,
            "timestamp": None if properties.timestamp is None else _spelled(properties.timestamp),
            "type": properties.type,
            "userId": properties.user_id,
            "appId": properties.app_id,
            "clusterId": properties.cluster_id,
            "bodySize": len(message.body),
        },
        "redelivered": message.redelivered or again,
        "data": base64.b64encode(message.body).decode("ascii"),
    }


def _header(value: Any) -> Any:
    if isinstance(value, str):
        return {"bytes": list(value.encode("utf-8"))}
    if isinstance(value, bytes):
        return {"bytes": list(value)}
    if isinstance(value, dict):
        return {name: _header(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_header(each) for each in value]
    if isinstance(value, datetime):
        return _spelled(int(value.replace(tzinfo=value.tzinfo or UTC).timestamp()))
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _spelled(epoch: int) -> str:
    """A time as Java writes it there: `Jan 1, 1970, 12:33:41 AM`."""
    at = datetime.fromtimestamp(epoch, UTC)
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[at.month - 1]
    half = "AM" if at.hour < 12 else "PM"
    return f"{month} {at.day}, {at.year}, {at.hour % 12 or 12}:{at.minute:02}:{at.second:02} {half}"
