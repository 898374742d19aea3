"""The relay's messages a second beside publishing with one confirm each, and how a burst of changes drains."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.performance.benchmarks.figures import Figure, logs_in_a_file
from tests.performance.cold_start import Ratio
from tests.performance.requests_of import Shop

ROUNDS, WAITING, ONE_BY_ONE = 5, 5_000, 1_000
BURST = 100_000
QUEUE = "bench.relay"
ONE_SIXTH = 0.167
GIVE_UP_SECONDS = 900
# A type that only the benchmark's own queue hears, and nobody reads that; the state is as long as a stock's.
_WAITING = """
INSERT INTO events.outbox (id, type, schema_version, aggregate_id, version, trace_id, state, occurred_at)
SELECT gen_random_uuid(), 'bench.nothing.happened', 1, gen_random_uuid(), 1, 'bench',
    jsonb_build_object('told', repeat('x', 300)), now() - interval '1 minute' FROM generate_series(1, %s)
"""
# A change of every product, and its events with the whole state.
_CHANGE = "UPDATE store.products SET version = version + 1, price_amount = price_amount + 1 WHERE id = ANY(%s)"
_TELL = """
INSERT INTO events.outbox (id, type, schema_version, aggregate_id, version, trace_id, state)
SELECT gen_random_uuid(), 'store.product.changed', 1, id, version, 'bench', store.state_of_product(id)
FROM store.products WHERE id = ANY(%s)
"""
_BEHIND = """
SELECT count(*) FROM basket.products b JOIN store.products p USING (id) WHERE b.version < p.version
"""


class RelayContext:
    """A minute for the relay's handler."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def figures(stack: Mapping[str, Any], _shop: Shop) -> Iterator[Figure]:
    """The relay reads, publishes in windows of 100 confirms, and marks; the peer only publishes. Both into a quorum
    queue, as events go: a confirm says that it is on the disk."""
    from eatit.broker import event_message
    from eatit.events import Event
    from eatit.identifiers import uuid7
    from eatit.publisher import Publisher
    from operations.outbox_relay import handler

    relayed, single = [], []
    publisher = Publisher()
    with psycopg.connect(stack["database_url"], autocommit=True) as owner, logs_in_a_file(), _queue():
        for number in range(ROUNDS + 1):
            owner.execute(_WAITING, [WAITING])
            begun = time.perf_counter()
            published = handler({}, RelayContext())["published"]
            took = (time.perf_counter() - begun) / published
            events = [_told(owner, Event, uuid7()) for _ in range(ONE_BY_ONE)]
            messages = [event_message(event) for event in events]
            begun = time.perf_counter()
            for message in messages:
                assert publisher.publish([message], within=5) == [True]
            alone = (time.perf_counter() - begun) / ONE_BY_ONE
            if number:
                relayed.append(took)
                single.append(alone)
        publisher.close()
    with psycopg.connect(stack["database_url"], autocommit=True) as owner:
        burst = _burst(owner)
    ratio = Ratio.of(relayed, single)
    also = f"{1 / ratio.seconds:,.0f} messages a second; {1 / ratio.peer_seconds:,.0f} one by one"
    yield Figure(
        "a message by the relay: read, published, marked", "published, one confirm each", ratio, ONE_SIXTH, also
    )
    yield burst


@contextmanager
def _queue() -> Iterator[None]:
    """A queue for the benchmark's events, of the kind that functions' queues are; it is gone afterwards."""
    import pika

    from eatit.broker import connection_parameters
    from eatit.events import EXCHANGE

    connection = pika.BlockingConnection(connection_parameters(timeout=30))
    channel = connection.channel()
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum", "x-overflow": "reject-publish"})
    channel.queue_bind(QUEUE, EXCHANGE, routing_key="bench.#")
    try:
        yield
    finally:
        channel.queue_delete(QUEUE)
        connection.close()


def _told(owner: psycopg.Connection[Any], kind: Any, identifier: Any) -> Any:
    from datetime import UTC, datetime

    return kind(identifier, "bench.nothing.happened", 1, identifier, 1, datetime.now(UTC), "bench", {"told": "x" * 300})


def _burst(owner: psycopg.Connection[Any]) -> Figure:
    """From the last commit of a burst to the copies that have all of it, by the stack's own relay and trigger."""
    ids = [row[0] for row in owner.execute("SELECT id FROM store.products WHERE status = 'active'").fetchall()]
    begun = time.perf_counter()
    for _ in range(BURST // len(ids)):
        owner.execute(_CHANGE, [ids])
        owner.execute(_TELL, [ids])
    committed = time.perf_counter()
    marks: list[str] = []
    for part in (0.5, 0.9, 1.0):
        while _left(owner) > BURST * (1 - part):
            assert time.perf_counter() - committed < GIVE_UP_SECONDS, "the burst doesn't drain"
            time.sleep(0.2)
        marks.append(f"{part:.0%} published after {time.perf_counter() - committed:.0f} s")
    while _one(owner, _BEHIND):
        assert time.perf_counter() - committed < GIVE_UP_SECONDS, "the copies stay behind"
        time.sleep(0.2)
    lag = time.perf_counter() - committed
    also = f"{'; '.join(marks)}; all copies equal after {lag:.0f} s, {BURST / lag:,.0f} changes a second"
    return Figure(
        f"the lag after a burst of {BURST:,} changes", "writing them", Ratio.of([lag], [committed - begun]), None, also
    )


def _left(owner: psycopg.Connection[Any]) -> int:
    return _one(owner, "SELECT count(*) FROM events.outbox WHERE published_at IS NULL")


def _one(owner: psycopg.Connection[Any], sql: str) -> int:
    row = owner.execute(sql.encode()).fetchone()
    assert row is not None
    return int(row[0])
