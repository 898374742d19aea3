"""The events that groups tell each other: their shape on the wire, and which queues hear which types."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, cast
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

T = TypeVar("T")
# What a part of an event may be, as whoever reads why it was parked is told.
_KINDS: dict[type, str] = {
    str: "a text", int: "a whole number", dict: "an object", list: "a list", UUID: "a UUID", datetime: "a time",
}  # fmt: skip
_WRITTEN: dict[type, Callable[[Any], Any]] = {UUID: UUID, datetime: datetime.fromisoformat}


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
    event = Event(
        id=part(value, UUID, "id"),
        type=part(value, str, "type"),
        schema_version=part(value, int, "schema_version"),
        aggregate_id=part(value, UUID, "aggregate_id"),
        version=part(value, int, "version"),
        occurred_at=part(value, datetime, "occurred_at"),
        trace_id=part(value, str, "trace_id"),
        state=part(value, dict, "state"),
    )
    if event.schema_version > SCHEMA_VERSION:
        raise UnreadableEvent(
            f"schema version {event.schema_version} is newer than {SCHEMA_VERSION}, which is understood"
        )
    return event


def part(whole: Any, kind: type[T], *path: str | int) -> T:
    """What stands at a place of an event, by names and numbers: `part(state, int, "price", "amount")`.

    `kind` is str, int, dict, list, or UUID or datetime, which are read from a text. Raises `UnreadableEvent`, which
    names the place.
    """
    found = whole
    for step in path:
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            raise UnreadableEvent(f"{place(*path)} is absent") from None
    try:
        if kind in _WRITTEN:
            return cast(T, _WRITTEN[kind](found))
        if isinstance(found, kind) and not isinstance(found, bool):
            return found
    except (TypeError, ValueError, AttributeError):
        pass
    raise UnreadableEvent(f"{place(*path)} must be {_KINDS[kind]}")


def place(*path: str | int) -> str:
    """A place of an event in words: `field "price.amount"`."""
    return f"field {quoted('.'.join(map(str, path)))}"


def quoted(value: Any) -> str:
    """A text of an event in quotes, on one line, the first 60 characters; of anything else only that it isn't a text,
    for it may be nested deeper than can be written."""
    return json.dumps(" ".join(value[:60].splitlines()), ensure_ascii=False) if isinstance(value, str) else "no text"


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
