"""A warehouse with a whole shop in it opens and closes: its change is answered at once, its goods are told in turns."""

import json
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.functions.calls import call, good, product, unique

GOODS = 5
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def place(staff: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[str]]:
    """A warehouse, and the goods in it: more than are told of at once."""
    import store.stock

    body = {"code": unique("w"), "name": "Склад", "address": "улица Первая, 1"}
    warehouse = str(good(call("POST", "/store/warehouses", body, token=staff), 201)["id"])
    goods = []
    for _ in range(GOODS):
        thing = str(product(staff)["id"])
        move = {"kind": "receive", "product_id": thing, "warehouse_id": warehouse, "quantity": "5", "reason": "проба"}
        good(call("POST", "/store/stock/movements", move, token=staff), 201)
        goods.append(thing)
    monkeypatch.setattr(store.stock, "AT_ONCE", 2)
    return warehouse, goods


def available(sql: Any, goods: list[str]) -> list[str]:
    """What was told last of each."""
    rows = sql.execute(
        "SELECT DISTINCT ON (aggregate_id) state ->> 'available' FROM events.outbox"
        " WHERE aggregate_id = ANY(%s::uuid[]) AND type = 'store.stock.changed' ORDER BY aggregate_id, version DESC",
        [goods],
    )
    return [row[0] for row in rows]


def turns(sql: Any, warehouse: str) -> list[str]:
    """Where the turns that were told of begin."""
    rows = sql.execute(
        "SELECT state ->> 'after' FROM events.outbox WHERE aggregate_id = %s AND type = 'store.warehouse.turned'"
        " ORDER BY occurred_at, state ->> 'after'",
        [warehouse],
    )
    return [row[0] for row in rows]


def comes_to(sql: Any, goods: list[str], wanted: str) -> None:
    deadline = time.monotonic() + 30
    while available(sql, goods) != [wanted] * GOODS:
        assert time.monotonic() < deadline, available(sql, goods)


def test_what_is_in_it_is_told_by_the_worker(staff: str, place: tuple[str, list[str]], sql: Any) -> None:
    warehouse, goods = place
    good(call("PATCH", f"/store/warehouses/{warehouse}", {"active": False}, token=staff))
    assert turns(sql, warehouse) == [NOBODY]
    assert good(call("GET", f"/store/products/{goods[0]}"))["available"] is False
    comes_to(sql, goods, "0.000")
    good(call("PATCH", f"/store/warehouses/{warehouse}", {"active": True}, token=staff))
    comes_to(sql, goods, "5.000")


def test_a_turn_without_time_tells_some_and_of_the_next(
    staff: str, place: tuple[str, list[str]], sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eatit.events import WAREHOUSE_TURNED, Event
    from store import stock, stock_turn

    warehouse, goods = place
    sql.execute("UPDATE store.warehouses SET active = false WHERE id = %s", [warehouse])
    # Nobody else hears of the next turns: they are read here.
    heard: list[UUID] = []
    monkeypatch.setattr(stock, "_tell_turned", lambda _transaction, _id, _version, after: heard.append(after))
    after = UUID(NOBODY)
    told: list[list[str]] = []
    while True:
        event = Event(uuid4(), WAREHOUSE_TURNED, 1, UUID(warehouse), 2, datetime.now(UTC), "t", {"after": str(after)})
        stock_turn.run(event, until=0)
        told.append(available(sql, goods))
        if not heard:
            break
        after = heard.pop()
    assert [turn.count("0.000") for turn in told] == [2, 4, 5]


@pytest.mark.parametrize("broken", [False, True])
def test_a_turn_that_no_try_will_mend_is_parked(
    shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, broken: bool
) -> None:
    """It names no place to go on from, or breaks on something that nobody foresaw."""
    from store.imports_worker import handler
    from tests.functions.events import Context, rmq_event

    body = {
        "id": str(uuid4()),
        "type": "store.warehouse.turned",
        "schema_version": 1,
        "aggregate_id": str(uuid4()),
        "version": 2,
        "occurred_at": "2026-11-21T18:00:00Z",
        "trace_id": "trace-1",
        "state": {"after": NOBODY if broken else 5},
    }
    if broken:
        monkeypatch.setattr("store.stock.announce_more", lambda *_, **__: 1 / 0)
    event = rmq_event(json.dumps(body).encode(), queue="store.imports")
    assert handler(event, Context(seconds=120)) == {"turns": 0, "repeated": 0, "parked": 1}
