"""Thousands of changes at once, made past the writers' own publishing: the relay and the queue bring them home."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.faults.books import parked, settled, waiting
from tests.faults.servers import Servers
from tests.gateway.shop import Keeper

PRODUCTS = 20
CHANGES = 250  # of each
RELAYS = 2
# As the store does it: a version, and its event with the whole state.
CHANGE = """
    WITH changed AS (
        UPDATE store.products SET version = version + 1, price_amount = %(amount)s WHERE id = ANY(%(ids)s)
        RETURNING id
    ) SELECT count(*) FROM changed
"""
TELL = """
    INSERT INTO events.outbox (id, type, schema_version, aggregate_id, version, occurred_at, trace_id, state)
    SELECT gen_random_uuid(), 'store.product.changed', 1, id, version, now() - interval '1 minute', 'burst',
        store.state_of_product(id)
    FROM store.products WHERE id = ANY(%(ids)s)
"""


def test_a_burst_drains_and_every_event_is_heard_once(servers: Servers, keeper: Keeper, sql: Any) -> None:
    ids = [keeper.product()["id"] for _ in range(PRODUCTS)]
    settled(servers)
    with sql.transaction():
        for turn in range(CHANGES):
            assert sql.execute(CHANGE, {"ids": ids, "amount": 1000 + turn}).fetchone() == (PRODUCTS,)
            sql.execute(TELL, {"ids": ids})
    told = servers.invoke("EventsFunction")
    assert told["outbox"]["waiting"] == waiting(sql) > 0
    assert told["outbox"]["oldest_seconds"] >= 60
    with ThreadPoolExecutor(RELAYS) as pool:
        done = list(pool.map(lambda _: servers.invoke("OutboxRelayFunction"), range(RELAYS)))
    assert sum(each["left"] for each in done) == 0
    settled(servers)
    assert parked(servers) == {}
    told = servers.invoke("EventsFunction")
    assert told["outbox"] == {"waiting": 0, "oldest_seconds": None}
    assert {queue["ready"] for queue in told["queues"]} == {0}
    heard = sql.execute(
        """SELECT count(*), count(i.event_id), count(DISTINCT o.id) FROM events.outbox o
        LEFT JOIN basket.inbox i ON i.event_id = o.id WHERE o.trace_id = 'burst'"""
    ).fetchone()
    assert heard == (PRODUCTS * CHANGES,) * 3
    versions = sql.execute("SELECT DISTINCT version FROM basket.products WHERE id = ANY(%s)", [ids]).fetchall()
    assert versions == [(1 + CHANGES,)]
