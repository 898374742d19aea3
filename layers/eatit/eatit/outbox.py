"""The outbox: events are rows written in the business transaction, and leave for RabbitMQ after its commit.

Whoever commits publishes its own rows at once; what fails stays in the table for the relay. A row marked late is
published twice, which consumers bear.
"""

import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
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
    func,
    insert,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
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
# In the driver's own form (see `Database.rows`). It doesn't wait for the disk: a mark that a crash of the server loses
# is an event published twice, which consumers bear.
MARK_PUBLISHED = """
UPDATE events.outbox SET published_at = now()
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
WHERE id = ANY(%(ids)s::uuid[]) RETURNING id
"""
EMIT = """
INSERT INTO events.outbox (id, type, schema_version, aggregate_id, version, trace_id, state)
VALUES (%(id)s::uuid, %(type)s::text, %(schema_version)s::integer, %(aggregate_id)s::uuid, %(version)s::bigint,
    %(trace_id)s::text, %(state)s::jsonb)
RETURNING occurred_at, state
"""
# What is adopted is forgotten with it: a scan by the index reads the setting once, as it begins, a sort all rows before
# it gives the first; then the setting goes.
ADOPT = """
WITH written AS MATERIALIZED (
    SELECT * FROM events.outbox
    WHERE id = ANY(string_to_array(nullif(current_setting('eatit.events', true), ''), ',')::uuid[]) ORDER BY id
)
SELECT written.*, set_config('eatit.events', '', true) FROM written
"""


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
    given: dict[str, Any] = {
        "id": uuid7(),
        "type": event_type,
        "schema_version": SCHEMA_VERSION,
        "aggregate_id": aggregate_id,
        "version": version,
        "trace_id": trace_id(),
    }
    if isinstance(state, dict):
        (row,) = transaction.rows(EMIT, {**given, "state": orjson.dumps(state).decode()})
    else:
        adding = insert(outbox).values(**given, state=state).returning(outbox.c.occurred_at, outbox.c.state)
        row = transaction.execute(adding).one()
    transaction.events.append(Event(**given, occurred_at=row.occurred_at, state=row.state))


def adopt_written(transaction: "Transaction") -> None:
    """Take over the events that the database's own functions wrote in this transaction (such as `store.reserve`), so
    that they are published after the commit as those of `emit` are."""
    transaction.events += [event_of(row) for row in transaction.rows(ADOPT, {})]


def event_of(row: Any) -> Event:
    """The event in a row of the outbox."""
    return Event(
        row.id, row.type, row.schema_version, row.aggregate_id, row.version, row.occurred_at, row.trace_id, row.state
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
            database.rows(MARK_PUBLISHED, {"ids": ids})
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
