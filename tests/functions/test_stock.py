"""Movements and the balances that they make: together, never below zero, never edited."""

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.functions.calls import Answer, call, good, product, unique


@pytest.fixture
def places(staff: str) -> list[str]:
    """Two warehouses of our own."""
    made = []
    for _ in range(2):
        body = {"code": unique("w"), "name": "Склад", "address": "улица Первая, 1"}
        made.append(str(good(call("POST", "/store/warehouses", body, token=staff), 201)["id"]))
    return made


@pytest.fixture
def cheese(staff: str) -> Any:
    return product(staff)


def move(staff: str, thing: Any, place: str, quantity: Any, kind: str = "receive", **given: Any) -> Answer:
    body = {"kind": kind, "product_id": thing["id"], "warehouse_id": place, "quantity": quantity, "reason": "проба"}
    return call("POST", "/store/stock/movements", {**body, **given}, token=staff)


def balances(staff: str, thing: Any) -> dict[str, tuple[str, str]]:
    items = good(call("GET", f"/store/products/{thing['id']}/stock", token=staff))["items"]
    return {item["warehouse_id"]: (item["on_hand"], item["reserved"]) for item in items}


def told(sql: psycopg.Connection[Any], thing: Any) -> list[tuple[str, int, str]]:
    """The stock's events, in order: kind, version, available."""
    rows = sql.execute(
        "SELECT type, version, state ->> 'available' FROM events.outbox"
        " WHERE aggregate_id = %s AND type LIKE 'store.stock.%%' ORDER BY version, type <> 'store.stock.changed'",
        [thing["id"]],
    )
    return [(str(row[0]).removeprefix("store.stock."), row[1], row[2]) for row in rows]


def adds_up(sql: psycopg.Connection[Any], thing: Any) -> None:
    """The ledger makes the balances."""
    rows = sql.execute(
        """
        SELECT s.warehouse_id, s.on_hand, coalesce(sum(CASE
            WHEN m.to_warehouse_id = s.warehouse_id THEN m.quantity
            WHEN m.kind IN ('write_off', 'transfer', 'sale') THEN -m.quantity ELSE m.quantity END), 0)
        FROM store.stock s LEFT JOIN store.movements m ON m.product_id = s.product_id
            AND s.warehouse_id IN (m.warehouse_id, m.to_warehouse_id)
        WHERE s.product_id = %s GROUP BY s.warehouse_id, s.on_hand
        """,
        [thing["id"]],
    ).fetchall()
    assert rows
    assert all(on_hand == summed for _, on_hand, summed in rows), rows


def test_each_kind_of_movement_makes_its_balance(staff: str, cheese: Any, places: list[str], sql: Any) -> None:
    one, two = places
    received = good(move(staff, cheese, one, "10"), 201)
    assert (received["kind"], received["quantity"], received["reason"]) == ("receive", "10.000", "проба")
    good(move(staff, cheese, one, 2.5, "write_off"), 201)
    good(move(staff, cheese, one, "-0.500", "adjust"), 201)
    good(move(staff, cheese, one, "3", "transfer", to_warehouse_id=two), 201)
    assert balances(staff, cheese) == {one: ("4.000", "0.000"), two: ("3.000", "0.000")}
    adds_up(sql, cheese)
    ledger = good(call("GET", f"/store/stock/movements?product={cheese['id']}", token=staff))["items"]
    assert [(row["kind"], row["quantity"]) for row in ledger] == [
        ("transfer", "3.000"), ("adjust", "-0.500"), ("write_off", "2.500"), ("receive", "10.000"),
    ]  # fmt: skip
    assert all(row["actor_id"] for row in ledger)
    there = good(call("GET", f"/store/stock/movements?warehouse={two}", token=staff))["items"]
    assert [row["kind"] for row in there] == ["transfer"]


@pytest.mark.parametrize(
    ("kind", "quantity", "more"),
    [("write_off", "5.001", {}), ("adjust", "-5.001", {}), ("transfer", "5.001", {"to_warehouse_id": 1})],
)
def test_no_balance_falls_below_zero(
    staff: str, cheese: Any, places: list[str], sql: Any, kind: str, quantity: str, more: dict[str, Any]
) -> None:
    good(move(staff, cheese, places[0], "5"), 201)
    given = {name: places[place] for name, place in more.items()}
    refused = move(staff, cheese, places[0], quantity, kind, **given)
    assert (refused.status, refused.body["code"]) == (409, "insufficient_stock")
    assert (refused.body["warehouse_id"], refused.body["available"]) == (places[0], "5.000")
    assert balances(staff, cheese)[places[0]] == ("5.000", "0.000")
    assert len(told(sql, cheese)) == 2, "received, and back in stock; nothing of what was refused"
    adds_up(sql, cheese)


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"quantity": "0"}, {"/quantity"}),
        ({"quantity": "-1"}, {"/quantity"}),
        ({"quantity": "0", "kind": "adjust"}, {"/quantity"}),
        ({"quantity": "1.0001"}, {"/quantity"}),
        ({"quantity": "1e3"}, {"/quantity"}),
        ({"quantity": "NaN"}, {"/quantity"}),
        ({"quantity": 10**12}, {"/quantity"}),
        ({"kind": "sale"}, {"/kind"}),
        ({"kind": "transfer"}, {"/to_warehouse_id"}),
        ({"kind": "transfer", "quantity": "0"}, {"/to_warehouse_id", "/quantity"}),
        ({"to_warehouse_id": "019aa7c0-0000-7000-8000-000000000001"}, {"/to_warehouse_id"}),
        ({"product_id": "019aa7c0-0000-7000-8000-000000000001"}, {"/product_id"}),
        ({"warehouse_id": "019aa7c0-0000-7000-8000-000000000001"}, {"/warehouse_id"}),
        ({"reason": " "}, {"/reason"}),
        ({"reason": "a\u0000b"}, {"/reason"}),
        ({"actor_id": "019aa7c0-0000-7000-8000-000000000001"}, {"/actor_id"}),
    ],
)
def test_a_movement_that_makes_no_sense_is_422(
    staff: str, cheese: Any, places: list[str], given: dict[str, Any], pointers: set[str]
) -> None:
    refused = move(staff, cheese, places[0], given.pop("quantity", "1"), **given)
    assert refused.status == 422, refused
    assert {fault["pointer"] for fault in refused.body["errors"]} == pointers
    assert balances(staff, cheese) == {}


def test_a_transfer_to_where_it_comes_from_says_so(staff: str, cheese: Any, places: list[str]) -> None:
    refused = move(staff, cheese, places[0], "1", "transfer", to_warehouse_id=places[0])
    assert refused.status == 422, refused
    assert [(fault["pointer"], fault["code"]) for fault in refused.body["errors"]] == [
        ("/to_warehouse_id", "contradiction")
    ]


def test_an_archived_product_isnt_moved(staff: str, cheese: Any, places: list[str]) -> None:
    good(call("DELETE", f"/store/products/{cheese['id']}", token=staff), 204)
    refused = move(staff, cheese, places[0], "1")
    assert (refused.status, refused.body["code"]) == (409, "product_archived")


def test_a_movement_is_made_once_however_often_it_is_sent(staff: str, cheese: Any, places: list[str]) -> None:
    body = {"kind": "receive", "product_id": cheese["id"], "warehouse_id": places[0], "quantity": 4, "reason": "x"}
    headers = {"Idempotency-Key": unique()}
    first, again = (call("POST", "/store/stock/movements", body, token=staff, headers=headers) for _ in range(2))
    assert (first.content, again.headers.get("idempotency-replayed")) == (again.content, "true")
    assert balances(staff, cheese)[places[0]] == ("4.000", "0.000")


def test_customers_see_what_is_available_and_nothing_else(
    staff: str, customer: Any, cheese: Any, places: list[str]
) -> None:
    good(move(staff, cheese, places[0], "5"), 201)
    for token in (None, customer["access_token"]):
        items = good(call("GET", f"/store/products/{cheese['id']}/stock", token=token))["items"]
        assert [set(item) for item in items] == [{"warehouse_id", "code", "name", "available"}]
        assert items[0]["available"] == "5.000"
        for path in ("/store/stock", "/store/stock/movements"):
            assert call("GET", path, token=token).status in (401, 403)


def test_crossings_are_told_once_each(staff: str, places: list[str], sql: Any) -> None:
    thing = product(staff, low_stock_at="3")
    for quantity, kind in (("5", "receive"), ("1", "write_off"), ("1", "write_off"), ("1", "write_off"),
                           ("2", "write_off"), ("1", "receive"), ("9", "receive"), ("8", "write_off")):  # fmt: skip
        good(move(staff, thing, places[0], quantity, kind), 201)
    assert [(kind, available) for kind, _, available in told(sql, thing)] == [
        ("changed", "5.000"), ("back", "5.000"),
        ("changed", "4.000"),
        ("changed", "3.000"), ("low", "3.000"),
        ("changed", "2.000"),
        ("changed", "0.000"),
        ("changed", "1.000"), ("back", "1.000"),
        ("changed", "10.000"),
        ("changed", "2.000"), ("low", "2.000"),
    ]  # fmt: skip
    versions = [version for kind, version, _ in told(sql, thing) if kind == "changed"]
    assert versions == list(range(1, 9))


def test_what_is_told_is_published_at_once(staff: str, cheese: Any, places: list[str], sql: Any) -> None:
    good(move(staff, cheese, places[0], "5"), 201)
    waiting = sql.execute(
        "SELECT count(*) FROM events.outbox WHERE aggregate_id = %s AND published_at IS NULL", [cheese["id"]]
    ).fetchone()
    assert waiting == (0,)


def test_a_closed_warehouse_has_nothing_to_sell(staff: str, cheese: Any, places: list[str], sql: Any) -> None:
    good(move(staff, cheese, places[0], "5"), 201)
    path = f"/store/warehouses/{places[0]}"
    closed = good(call("PATCH", path, {"active": False}, token=staff))
    assert told(sql, cheese)[-1][0::2] == ("changed", "0.000")
    assert good(call("GET", f"/store/products/{cheese['id']}/stock"))["items"] == []
    assert call("GET", path).status == 404
    assert good(call("GET", path, token=staff))["version"] == closed["version"] == 2
    good(call("PATCH", path, {"active": True}, token=staff))
    assert ("back", "5.000") in [entry[0::2] for entry in told(sql, cheese)][-2:]


def test_a_warehouse_with_a_past_stays(staff: str, cheese: Any, places: list[str]) -> None:
    good(move(staff, cheese, places[0], "5"), 201)
    good(move(staff, cheese, places[0], "5", "write_off"), 201)
    refused = call("DELETE", f"/store/warehouses/{places[0]}", token=staff)
    assert (refused.status, refused.body["code"]) == (409, "in_use")
    good(call("DELETE", f"/store/warehouses/{places[1]}", token=staff), 204)


def test_the_ledger_only_grows(staff: str, cheese: Any, places: list[str], sql: Any) -> None:
    good(move(staff, cheese, places[0], "5"), 201)
    for statement in (
        "UPDATE store.movements SET quantity = 1",
        "DELETE FROM store.movements",
        "TRUNCATE store.movements",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sql.execute(statement)


def test_writers_at_once_lose_nothing(staff: str, cheese: Any, places: list[str], shop: Any, sql: Any) -> None:
    """Each in an environment of its own. Of 40 write-offs of one from 25, 25 are made."""
    from eatit.database import Database
    from eatit.errors import Conflict
    from store import stock

    good(move(staff, cheese, places[0], "25"), 201)
    wanted = stock.Wanted("write_off", UUID(cheese["id"]), UUID(places[0]), None, Decimal(1), "at once")

    def write_off(_: int) -> int:
        database, made = Database("store"), 0
        try:
            for _ in range(10):
                try:
                    database.transaction(lambda transaction: stock.move(transaction, wanted, UUID(int=1)))
                    made += 1
                except Conflict:
                    continue
        finally:
            database.close()
        return made

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(write_off, range(4))) == 25
    assert balances(staff, cheese)[places[0]] == ("0.000", "0.000")
    adds_up(sql, cheese)


def test_events_and_answers_hold_the_same_shape(staff: str, cheese: Any, places: list[str], sql: Any) -> None:
    good(move(staff, cheese, places[0], "5"), 201)
    state = sql.execute(
        "SELECT state FROM events.outbox WHERE aggregate_id = %s AND type = 'store.stock.changed'", [cheese["id"]]
    ).fetchone()[0]
    assert json.loads(json.dumps(state)) == {
        "product_id": cheese["id"],
        "version": 1,
        "available": "5.000",
        "by_warehouse": [{"warehouse_id": places[0], "available": "5.000"}],
    }
