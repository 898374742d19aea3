"""The outbox: events are rows written in the business transaction, and leave for RabbitMQ after its commit.

Whoever commits publishes its own rows at once; what fails stays in the table for the relay. A row marked late is
published twice, which consumers bear.
"""

import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.sql.elements import ColumnElement

from eatit.events import SCHEMA_VERSION, Event
from eatit.identifiers import uuid7
from eatit.observability import logger, trace_id

if TYPE_CHECKING:
    from eatit.database import Database, Transaction
    from eatit.publisher import Publisher

INLINE_SECONDS = 0.2
PAUSE_SECONDS = 5.0

outbox = Table(
    "outbox",
    MetaData(schema="events"),
    Column("id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("trace_id", Text, nullable=False),
    Column("state", JSONB, nullable=False),
    Column("published_at", DateTime(timezone=True)),
    Index("outbox_waiting", "id", postgresql_where=text("published_at IS NULL")),
    Index("outbox_published", "published_at", postgresql_where=text("published_at IS NOT NULL")),
)
mark_published = (
    update(outbox).where(outbox.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))).values(published_at=func.now())
)


def emit(
    transaction: "Transaction",
    event_type: str,
    aggregate_id: UUID,
    version: int,
    state: "dict[str, Any] | ColumnElement[Any]",
) -> None:
    """Write an event into the outbox, in this transaction; it is published after the commit.

    `state` is the aggregate's full state, or an SQL expression that makes it.
    """
    identifier, trace = uuid7(), trace_id()
    row = transaction.execute(
        insert(outbox)
        .values(
            id=identifier,
            type=event_type,
            schema_version=SCHEMA_VERSION,
            aggregate_id=aggregate_id,
            version=version,
            trace_id=trace,
            state=state,
        )
        .returning(outbox.c.occurred_at, outbox.c.state)
    ).one()
    transaction.events.append(
        Event(identifier, event_type, SCHEMA_VERSION, aggregate_id, version, row.occurred_at, trace, row.state)
    )


_written = select(outbox).where(
    outbox.c.id
    == any_(cast(func.string_to_array(func.nullif(func.current_setting("eatit.events", True), ""), ","), ARRAY(Uuid)))
)
_none_written = select(func.set_config("eatit.events", "", True))


def adopt_written(transaction: "Transaction") -> None:
    """Take over the events that the database's own functions wrote in this transaction (such as `store.reserve`), so
    that they are published after the commit as those of `emit` are."""
    rows = transaction.execute(_written.order_by(outbox.c.id)).all()
    transaction.execute(_none_written)
    for row in rows:
        transaction.events.append(
            Event(
                row.id,
                row.type,
                row.schema_version,
                row.aggregate_id,
                row.version,
                row.occurred_at,
                row.trace_id,
                row.state,
            )
        )


_publisher: "Publisher | None" = None
_paused_until = 0.0


def publish_at_once(database: "Database", events: list[Event]) -> None:
    """Publish a committed transaction's events now, in 200 ms at most, and mark those that the broker confirmed.

    Never raises: what isn't published is the relay's. After a failure this environment doesn't try for five seconds,
    so that a broker that is away costs a writer next to nothing.
    """
    global _publisher, _paused_until
    if time.monotonic() < _paused_until:
        return
    from eatit.broker import event_message
    from eatit.publisher import Publisher

    if _publisher is None:
        _publisher = Publisher()
    try:
        confirmed = _publisher.publish([event_message(event) for event in events], within=INLINE_SECONDS)
        ids = [event.id for event, sure in zip(events, confirmed, strict=True) if sure]
        if len(ids) < len(events):
            _paused_until = time.monotonic() + PAUSE_SECONDS
            logger.warning("events left to the relay", waiting=len(events) - len(ids))
        if ids:
            database.read(mark_published, {"ids": ids})
    except Exception:
        # The change is committed and its rows are in the outbox: the caller must get the answer.
        _paused_until = time.monotonic() + PAUSE_SECONDS
        logger.exception("events left to the relay", waiting=len(events))


def close_publisher() -> None:
    """Close the kept connection to the broker, if there is one."""
    global _publisher
    publisher, _publisher = _publisher, None
    if publisher is not None:
        publisher.close()
