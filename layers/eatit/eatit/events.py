"""The events that groups tell each other: their shape on the wire, and which queues hear which types."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import orjson

from eatit.errors import DomainError

EXCHANGE = "eatit"
SCHEMA_VERSION = 1
MAX_BYTES = 8 * 1024 * 1024

PRODUCT_CHANGED = "store.product.changed"
PRODUCT_ARCHIVED = "store.product.archived"
STOCK_CHANGED = "store.stock.changed"
MAIL_REQUESTED = "auth.mail.requested"
# A run has a turn to do: of the file's rows, or of the catalogue's.
IMPORT_ADVANCED = "store.import.advanced"
EXPORT_ADVANCED = "store.export.advanced"
# What lies in a warehouse that opened or closed is to be told of.
WAREHOUSE_TURNED = "store.warehouse.turned"

# A queue stands here only while the function that reads it is deployed: binding patterns are AMQP topics.
QUEUES: dict[str, tuple[str, ...]] = {
    "basket.product-sync": ("store.product.*", STOCK_CHANGED),
    "auth.mail": (MAIL_REQUESTED,),
    "store.imports": (IMPORT_ADVANCED, EXPORT_ADVANCED, WAREHOUSE_TURNED),
}


class UnreadableEvent(DomainError):
    """A message that can never be understood: it is parked, not tried again. `reason` says why, in one line."""

    code = "unreadable_event"

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `state` is the aggregate's full state in the API's shapes; `version` grows with each change of it."""

    id: UUID
    type: str
    schema_version: int
    aggregate_id: UUID
    version: int
    occurred_at: datetime
    trace_id: str
    state: dict[str, Any]

    def body(self) -> bytes:
        """The JSON body of the message."""
        return orjson.dumps(
            {
                "id": self.id,
                "type": self.type,
                "schema_version": self.schema_version,
                "aggregate_id": self.aggregate_id,
                "version": self.version,
                "occurred_at": self.occurred_at.astimezone(UTC),
                "trace_id": self.trace_id,
                "state": self.state,
            },
            option=orjson.OPT_UTC_Z,
        )


def read_event(body: bytes) -> Event:
    """The event in a message's body.

    Raises `UnreadableEvent` for what no later try can mend: not JSON, too large, fields absent or of the wrong kind,
    a schema from the future.
    """
    if len(body) > MAX_BYTES:
        raise UnreadableEvent(f"{len(body)} bytes are more than {MAX_BYTES}")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableEvent(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UnreadableEvent("not a JSON object")
    try:
        event = Event(
            id=UUID(value["id"]),
            type=_typed(value["type"], str),
            schema_version=_typed(value["schema_version"], int),
            aggregate_id=UUID(value["aggregate_id"]),
            version=_typed(value["version"], int),
            occurred_at=datetime.fromisoformat(value["occurred_at"]),
            trace_id=_typed(value["trace_id"], str),
            state=_typed(value["state"], dict),
        )
    except KeyError as error:
        raise UnreadableEvent(f"field {error} is absent") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise UnreadableEvent(f"a field is of the wrong kind: {error}") from None
    if event.schema_version > SCHEMA_VERSION:
        raise UnreadableEvent(
            f"schema version {event.schema_version} is newer than {SCHEMA_VERSION}, which is understood"
        )
    return event


@cache
def is_heard(event_type: str) -> bool:
    """Whether some declared queue is bound to this type, so that the broker must be able to route it."""
    return bool(queues_of(event_type))


def queues_of(event_type: str) -> list[str]:
    """The declared queues that hear this type."""
    words = event_type.split(".")
    return [
        queue for queue, patterns in QUEUES.items() if any(_matches(pattern.split("."), words) for pattern in patterns)
    ]


def _matches(pattern: list[str], words: list[str]) -> bool:
    return len(pattern) == len(words) and all(part in ("*", word) for part, word in zip(pattern, words, strict=True))


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is not a {kind.__name__}")
    return value
