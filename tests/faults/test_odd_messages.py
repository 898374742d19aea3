"""Messages that come twice, late, in the wrong order, or are none: the copy is right, and the queue moves on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pika
import pytest

from eatit.identifiers import uuid7
from tests.faults.books import parked, ready, settled, unheard
from tests.faults.servers import Servers
from tests.functions.events import product_message, stock_message
from tests.gateway.shop import Api, Keeper, eventually, good, unique

QUEUE = "basket.product-sync"
NEWEST = 9


@pytest.fixture
def channel(servers: Servers) -> Iterator[Any]:
    connection = pika.BlockingConnection(pika.URLParameters(servers.stack["amqp_url"]))
    channel = connection.channel()
    channel.confirm_delivery()
    yield channel
    channel.queue_purge(f"{QUEUE}.parked")
    connection.close()


def put(channel: Any, body: bytes, message_id: str = "") -> None:
    properties = pika.BasicProperties(message_id=message_id or str(uuid7()), delivery_mode=2)
    channel.basic_publish("", QUEUE, body, properties, mandatory=True)


def test_the_copy_is_right_and_the_queue_moves_on(
    servers: Servers, api: Api, admin: str, keeper: Keeper, sql: Any, channel: Any
) -> None:
    product_id = uuid7()
    versions = [
        product_message(product_id, version, price={"amount": 100 * version, "currency": "RUB"})
        for version in range(1, NEWEST + 1)
    ]
    stocks = [stock_message(product_id, version, f"{version}.000") for version in range(2, NEWEST + 1)]
    future = json.loads(versions[0]) | {"id": str(uuid7()), "schema_version": 2}
    # Each with a part of the reason that must be told.
    spoilt = {
        "garbage": (b"\x00\xff garbage", "not JSON"),
        "nothing": (b"", "not JSON"),
        "another shape": (b"[1, 2]", "not a JSON object"),
        "ten megabytes": (product_message(product_id, 99, description="x" * 10_000_000), "bytes are more than"),
        "the future": (json.dumps(future).encode(), "schema version 2 is newer"),
        "no price": (product_message(product_id, 99, price=None), "not a product's state"),
    }
    names = {what: unique(what.replace(" ", "-")) for what in spoilt}
    # Reversed, each twice, and then once more in no order at all, with what is spoilt among them.
    good_ones = [body for body in reversed(versions + stocks) for _ in range(2)]
    mixed = [(body, "") for body in versions + stocks] + [(body, names[what]) for what, (body, _) in spoilt.items()]
    random.Random(20261129).shuffle(mixed)
    try:
        for body in good_ones:
            put(channel, body)
        for body, name in mixed:
            put(channel, body, name)
        after = keeper.product()

        def all_is_taken() -> None:
            assert {name: count for name, count in ready(servers).items() if count} == {}
            assert parked(servers) == {QUEUE: len(spoilt)}
            assert unheard(sql) == 0

        eventually(all_is_taken, seconds=120)
        query = "SELECT count(*) FROM basket.products WHERE id = %s"
        assert sql.execute(query, [after["id"]]).fetchone() == (1,)  # it came after them all
        copied = sql.execute(
            """SELECT p.version, p.price_amount, s.version, s.available::text
            FROM basket.products p JOIN basket.stock s ON s.product_id = p.id WHERE p.id = %s""",
            [product_id],
        ).fetchall()
        assert copied == [(NEWEST, 100 * NEWEST, NEWEST, f"{NEWEST}.000")]
        events = [json.loads(body)["id"] for body in versions + stocks]
        seen = sql.execute("SELECT count(*) FROM basket.inbox WHERE event_id = ANY(%s::uuid[])", [events]).fetchone()
        assert seen == (len(events),)
        listed = good(api.get(f"/basket/events/parked?queue={QUEUE}&limit=100", token=admin))
        reasons = {item["message_id"]: item["reason"] for item in listed["items"]}
        assert set(reasons) == set(names.values())
        for what, (_, reason) in spoilt.items():
            assert reason in reasons[names[what]], what
    finally:
        sql.execute("DELETE FROM basket.products WHERE id = %s", [product_id])
        sql.execute("DELETE FROM basket.stock WHERE product_id = %s", [product_id])
    settled(servers)
