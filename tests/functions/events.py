"""The events that functions are given, made by hand: REST requests, RabbitMQ batches, and the context beside them."""

import base64
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from eatit.identifiers import uuid7


@dataclass
class Context:
    """What a function may know of its own run; `seconds` is how long it has."""

    seconds: float = 30.0
    started: float = field(default_factory=time.monotonic)
    function_name: str = "tests"
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:tests"
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return int((self.started + self.seconds - time.monotonic()) * 1000)


def rest_event(
    method: str,
    path: str,
    body: bytes | dict[str, Any] | None = None,
    *,
    headers: dict[str, str] | None = None,
    base64_body: bool = False,
    stage: str = "local",
) -> dict[str, Any]:
    """An API Gateway REST event (payload 1.0). `path` may carry a query; a dict is sent as JSON."""
    path, _, query = path.partition("?")
    sent = dict(headers or {})
    if isinstance(body, dict):
        body = json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
    text = None
    if body is not None:
        text = base64.b64encode(body).decode() if base64_body else body.decode()
    pairs = parse_qsl(query, keep_blank_values=True)
    many: dict[str, list[str]] = {}
    for name, value in pairs:
        many.setdefault(name, []).append(value)
    group, _, rest = path.removeprefix("/").partition("/")
    return {
        "resource": f"/{group}/{{proxy+}}",
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": dict(pairs) or None,
        "multiValueQueryStringParameters": many or None,
        "pathParameters": {"proxy": rest},
        "stageVariables": None,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "abc",
            "httpMethod": method,
            "identity": {"sourceIp": "203.0.113.7", "userAgent": "tests"},
            "path": f"/{stage}{path}",
            "protocol": "HTTP/1.1",
            "requestId": str(uuid.uuid4()),
            "resourceId": "x",
            "resourcePath": f"/{group}/{{proxy+}}",
            "stage": stage,
        },
        "body": text,
        "isBase64Encoded": base64_body,
    }


def rmq_event(
    *bodies: bytes, queue: str = "basket.product-sync", message_ids: list[str] | None = None
) -> dict[str, Any]:
    """A batch of RabbitMQ messages as Lambda hands it over (`aws:rmq`)."""
    ids = message_ids or [str(uuid7()) for _ in bodies]
    return {
        "eventSource": "aws:rmq",
        "eventSourceArn": "arn:aws:mq:us-east-1:000000000000:broker:eatit:b-0",
        "rmqMessagesByQueue": {
            f"{queue}::/": [
                {
                    "basicProperties": {
                        "contentType": "application/json",
                        "headers": {"schema_version": 1, "trace_id": {"bytes": list(b"trace-1")}},
                        "deliveryMode": 2,
                        "messageId": message_id,
                        "type": "store.product.changed",
                        "bodySize": len(body),
                    },
                    "redelivered": False,
                    "data": base64.b64encode(body).decode(),
                }
                for body, message_id in zip(bodies, ids, strict=True)
            ]
        },
    }


def product_state(product_id: uuid.UUID, version: int, **given: Any) -> dict[str, Any]:
    """The full state of a product as the store tells it."""
    return {
        "id": str(product_id),
        "sku": f"sku-{product_id}",
        "barcode": None,
        "name": "Сыр",
        "translations": {"en": {"name": "Cheese"}},
        "unit": "kg",
        "quantity_step": "0.500",
        "min_quantity": "0.500",
        "max_quantity": None,
        "price": {"amount": 12990, "currency": "RUB"},
        "sold_by": "weight",
        "status": "active",
        "photos": [],
        "version": version,
        "stock": stock_state(product_id, 1),
        **given,
    }


def stock_state(product_id: uuid.UUID, version: int, available: str = "3.000") -> dict[str, Any]:
    """The full state of a product's stock."""
    return {"product_id": str(product_id), "version": version, "available": available, "by_warehouse": []}


def message(
    state: dict[str, Any], *, aggregate: uuid.UUID, version: int, kind: str = "store.product.changed", **given: Any
) -> bytes:
    """The body of one event's message."""
    return json.dumps(
        {
            "id": str(uuid7()),
            "type": kind,
            "schema_version": 1,
            "aggregate_id": str(aggregate),
            "version": version,
            "occurred_at": "2026-11-21T18:00:00Z",
            "trace_id": "trace-1",
            "state": state,
            **given,
        }
    ).encode()


def product_message(product_id: uuid.UUID, version: int, **given: Any) -> bytes:
    """A product's change as a message's body."""
    return message(product_state(product_id, version, **given), aggregate=product_id, version=version)


def stock_message(product_id: uuid.UUID, version: int, available: str) -> bytes:
    """A stock's change as a message's body."""
    state = stock_state(product_id, version, available)
    return message(state, aggregate=product_id, version=version, kind="store.stock.changed")
