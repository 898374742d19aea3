"""The relay publishes what writers could not: nothing lost, and two at once share the work."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pika
import pytest

from eatit.identifiers import uuid7
from tests.functions.calls import call, eventually, good, product, unique
from tests.functions.events import Context
from tests.functions.wire import Wire

ROOT = Path(__file__).parents[2]
RUN = """
import json
from operations.outbox_relay import handler
from tests.functions.events import Context
print(json.dumps(handler({}, Context(60))))
"""


@pytest.fixture
def heard(shop: dict[str, Any]) -> Iterator[tuple[str, Callable[[], list[Any]]]]:
    """An event type that nobody else hears, and what came of it so far: properties and bodies."""
    kind = f"tests.{uuid7().hex}"
    connection = pika.BlockingConnection(pika.URLParameters(shop["amqp_url"]))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, "eatit", routing_key=kind)

    def take() -> list[Any]:
        found: list[Any] = []
        while True:
            method, properties, body = channel.basic_get(queue, auto_ack=True)
            if method is None:
                return found
            found.append((properties, json.loads(body)))

    yield kind, take
    connection.close()


def waiting(sql: Any, kind: str, count: int, *, age: str = "1 minute") -> list[UUID]:
    """Rows that their writer left unpublished."""
    ids = [uuid7() for _ in range(count)]
    with sql.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO events.outbox (id, type, schema_version, aggregate_id, version, occurred_at, trace_id, state)
            VALUES (%s, %s, 1, %s, 1, now() - %s::interval, 'trace-7', '{"имя": "Сыр"}')""",
            [(row, kind, row, age) for row in ids],
        )
    return ids


def unpublished(sql: Any, kind: str) -> int:
    query = "SELECT count(*) FROM events.outbox WHERE type = %s AND published_at IS NULL"
    return int(sql.execute(query, [kind]).fetchone()[0])


def test_what_waits_is_published_whole_and_marked(sql: Any, heard: tuple[str, Callable[[], list[Any]]]) -> None:
    from operations.outbox_relay import handler

    kind, take = heard
    (row,) = waiting(sql, kind, 1)
    handler({}, Context())
    assert unpublished(sql, kind) == 0
    ((properties, body),) = take()
    assert properties.message_id == body["id"] == str(row)
    assert properties.type == body["type"] == kind
    assert (properties.content_type, properties.delivery_mode) == ("application/json", 2)
    assert properties.headers == {"schema_version": 1, "trace_id": "trace-7"}
    assert body["state"] == {"имя": "Сыр"}
    assert set(body) == {
        "id", "type", "schema_version", "aggregate_id", "version", "occurred_at", "trace_id", "state",
    }  # fmt: skip


def test_what_its_writer_may_just_be_publishing_is_left_alone(
    sql: Any, heard: tuple[str, Callable[[], list[Any]]]
) -> None:
    from operations.outbox_relay import handler

    kind, take = heard
    waiting(sql, kind, 1, age="0 seconds")
    handler({}, Context())
    assert take() == []


def test_two_at_once_share_the_work(sql: Any, heard: tuple[str, Callable[[], list[Any]]]) -> None:
    kind, take = heard
    ids = waiting(sql, kind, 1500)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(("functions", "layers/eatit", "."))}
    relays = [
        subprocess.Popen(
            [sys.executable, "-c", RUN], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    outputs = [relay.communicate(timeout=60) for relay in relays]
    for relay, (_, errors) in zip(relays, outputs, strict=True):
        assert relay.returncode == 0, errors.decode()
        assert b'"left": 0' in b"".join(output for output, _ in outputs)
    assert unpublished(sql, kind) == 0
    came = [body["id"] for _, body in eventually_all(take, len(ids))]
    assert sorted(came) == sorted(str(row) for row in ids)


def eventually_all(take: Callable[[], list[Any]], count: int) -> list[Any]:
    found: list[Any] = []

    def whole() -> list[Any]:
        found.extend(take())
        assert len(found) >= count
        return found

    return eventually(whole)


def test_a_broker_that_is_away_leaves_the_rows_waiting(
    sql: Any, heard: tuple[str, Callable[[], list[Any]]], wired: Callable[[str], Wire]
) -> None:
    from operations.outbox_relay import handler

    kind, take = heard
    wire = wired("AMQP_URL")
    wire.cut()
    waiting(sql, kind, 3)
    assert handler({}, Context())["left"] >= 3
    assert unpublished(sql, kind) == 3
    wire.mend()
    assert handler({}, Context())["published"] >= 3
    assert unpublished(sql, kind) == 0
    assert len(eventually_all(take, 3)) == 3


@pytest.mark.parametrize("silent", [False, True], ids=["gone", "silent"])
def test_a_write_doesnt_wait_for_the_broker_and_the_relay_brings_it_home(
    staff: str, sql: Any, wired: Callable[[str], Wire], silent: bool
) -> None:
    import time

    from operations.outbox_relay import handler

    made = product(staff)
    token = call("POST", "/basket/items", {"product_id": made["id"], "quantity": 1}).headers["x-basket-token"]
    wire = wired("AMQP_URL")
    good(call("PATCH", f"/store/products/{made['id']}", {"name": unique()}, token=staff))  # a warm connection
    if silent:
        wire.hush()
    else:
        wire.cut()
    started = time.monotonic()
    good(call("PATCH", f"/store/products/{made['id']}", {"price": {"amount": 777, "currency": "RUB"}}, token=staff))
    assert time.monotonic() - started < 1.0
    assert unpublished_of(sql, made["id"]) == 1
    wire.cut()
    wire.mend()

    def relayed() -> None:
        handler({}, Context())
        assert unpublished_of(sql, made["id"]) == 0

    eventually(relayed)

    def arrived() -> None:
        line = good(call("GET", "/basket", headers={"X-Basket-Token": token}))["items"][0]
        assert line["price"]["amount"] == 777

    eventually(arrived)


def unpublished_of(sql: Any, aggregate: str) -> int:
    query = "SELECT count(*) FROM events.outbox WHERE aggregate_id = %s AND published_at IS NULL"
    return int(sql.execute(query, [aggregate]).fetchone()[0])


def test_a_change_that_is_undone_tells_nothing(staff: str, sql: Any) -> None:
    one, other = product(staff), product(staff)
    before = sql.execute("SELECT count(*) FROM events.outbox WHERE aggregate_id = %s", [other["id"]]).fetchone()
    assert call("PATCH", f"/store/products/{other['id']}", {"sku": one["sku"]}, token=staff).status == 409
    after = sql.execute("SELECT count(*) FROM events.outbox WHERE aggregate_id = %s", [other["id"]]).fetchone()
    assert before == after


def test_a_request_id_travels_from_the_edge_to_the_outbox(staff: str, sql: Any) -> None:
    made = product(staff)
    headers = {"X-Request-Id": "walks-with-me"}
    good(call("PATCH", f"/store/products/{made['id']}", {"name": "x"}, token=staff, headers=headers))
    rows = sql.execute("SELECT trace_id FROM events.outbox WHERE aggregate_id = %s ORDER BY version", [made["id"]])
    assert rows.fetchall()[-1] == ("walks-with-me",)


def test_a_mark_does_not_wait_for_the_disk(sql: Any) -> None:
    from eatit.database import Database
    from eatit.outbox import MARK_PUBLISHED

    (row,) = waiting(sql, "tests.marked", 1, age="-1 hour")
    database = Database("operations")
    try:

        def work(transaction: Any) -> str:
            assert len(transaction.rows(MARK_PUBLISHED, {"ids": [row]})) == 1
            return str(transaction.rows("SHOW synchronous_commit", {})[0][0])

        assert database.transaction(work) == "off"
        assert database.rows("SHOW synchronous_commit", {})[0][0] == "on"
        assert unpublished(sql, "tests.marked") == 0
    finally:
        database.close()
        sql.execute("DELETE FROM events.outbox WHERE id = %s", [row])
