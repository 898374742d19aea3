"""Whether everything has come home: no event waits anywhere, every copy equals the store's, and the books balance."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pika
import psycopg
from psycopg.rows import dict_row

from basket.product_copies import rows_of
from eatit.events import QUEUES
from localstack.deploy import InvocationFailed
from tests.books import assert_books
from tests.faults.servers import Servers
from tests.gateway.shop import eventually

SETTLE_SECONDS = 150.0


def settled(servers: Servers, *, seconds: float = SETTLE_SECONDS) -> None:
    """Wait until the outbox and the queues are empty, every event was heard, the copies are equal, and so the books
    balance; the relay is called again and again, since its minute is long. Fails with what is still wrong."""

    def look() -> None:
        try:
            servers.invoke("OutboxRelayFunction")
        except InvocationFailed as failure:
            raise AssertionError(f"the relay failed: {failure}") from failure
        with psycopg.connect(servers.stack["database_url"], autocommit=True) as sql:
            assert waiting(sql) == 0
            assert {name: count for name, count in ready(servers).items() if count} == {}
            assert unheard(sql) == 0
            assert differences(sql) == []

    eventually(look, seconds=seconds)
    assert_books(servers.stack)


def waiting(sql: psycopg.Connection[Any]) -> int:
    """How many events of the outbox aren't published."""
    row = sql.execute("SELECT count(*) FROM events.outbox WHERE published_at IS NULL").fetchone()
    assert row is not None
    return int(row[0])


def unheard(sql: psycopg.Connection[Any]) -> int:
    """How many events of the outbox the basket has yet to hear: those that its function holds just now count too."""
    row = sql.execute(
        """SELECT count(*) FROM events.outbox o LEFT JOIN basket.inbox i ON i.event_id = o.id
        WHERE i.event_id IS NULL AND (o.type LIKE 'store.product.%' OR o.type = 'store.stock.changed')"""
    ).fetchone()
    assert row is not None
    return int(row[0])


def ready(servers: Servers) -> dict[str, int]:
    """How many messages wait in each queue."""
    return _depths(servers, list(QUEUES))


def parked(servers: Servers) -> dict[str, int]:
    """How many messages are parked of each queue that has some."""
    found = _depths(servers, [f"{queue}.parked" for queue in QUEUES])
    return {name.removesuffix(".parked"): count for name, count in found.items() if count}


def _depths(servers: Servers, names: list[str]) -> dict[str, int]:
    connection = pika.BlockingConnection(pika.URLParameters(servers.stack["amqp_url"]))
    try:
        channel = connection.channel()
        return {name: channel.queue_declare(name, passive=True).method.message_count for name in names}
    finally:
        connection.close()


def differences(sql: psycopg.Connection[Any]) -> list[str]:
    """Where the basket's copy is not what the store says, a line each; products that the basket never heard of too."""
    found = []
    with sql.cursor(row_factory=dict_row) as cursor:
        states = cursor.execute("SELECT id, store.state_of_product(id) AS state FROM store.products").fetchall()
        products = {row["id"]: row for row in cursor.execute("SELECT * FROM basket.products")}
        stocks = {row["product_id"]: row for row in cursor.execute("SELECT * FROM basket.stock")}
    for row in states:
        product, stock = rows_of(row["state"])
        found += _different("product", row["id"], product, products.pop(row["id"], None))
        found += _different("stock", row["id"], stock, stocks.pop(row["id"], None))
    # Copies of what the store has never had come from tests that speak for it.
    return found


def _different(what: str, of: UUID, said: dict[str, Any], copied: dict[str, Any] | None) -> list[str]:
    if copied is None:
        return [f"{what} of {of}: the basket has none"]
    wrong = {name: (value, copied[name]) for name, value in said.items() if copied[name] != value}
    return [f"{what} of {of}: {wrong}"] if wrong else []
