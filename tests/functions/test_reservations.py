"""Reserve, release, sell: what the store offers to the basket; all lines or none, once an order, whoever writes."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from tests.functions.calls import call, good

RESERVE = text(
    "SELECT * FROM store.reserve(CAST(:order AS uuid), CAST(:lines AS jsonb), CAST(:warehouse AS uuid),"
    " :latitude, :longitude, 'test')"
)


@pytest.fixture
def basket() -> Iterator[Any]:
    """A connection of the basket's role."""
    from eatit.database import Database

    database = Database("basket")
    yield database
    database.close()


def reserve(
    database: Any,
    lines: dict[str, Any],
    *,
    order: UUID | None = None,
    warehouse: str | None = None,
    near: tuple[float, float] | None = None,
) -> list[Any]:
    given = {
        "order": order or uuid4(),
        "lines": json.dumps([{"product_id": thing, "quantity": str(quantity)} for thing, quantity in lines.items()]),
        "warehouse": warehouse,
        "latitude": near and near[0],
        "longitude": near and near[1],
    }
    return list(database.transaction(lambda transaction: transaction.execute(RESERVE, given).all()))


def end(database: Any, function: str, order: UUID) -> bool:
    statement = text(f"SELECT store.{function}(CAST(:order AS uuid), 'test')")
    return bool(database.transaction(lambda transaction: transaction.execute(statement, {"order": order}).scalar_one()))


def balance(sql: psycopg.Connection[Any], thing: str, place: str) -> tuple[Any, Any]:
    row = sql.execute(
        "SELECT on_hand, reserved FROM store.stock WHERE product_id = %s AND warehouse_id = %s", [thing, place]
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_an_orders_life(basket: Any, goods: Any, warehouse: Any, sql: Any) -> None:
    place, order = warehouse(), uuid4()
    bread, milk = goods({place: 5}), goods({place: 3})
    done = reserve(basket, {bread: "2", milk: "1.5"}, order=order)
    assert {(row.reserved, str(row.in_warehouse), str(row.product), row.quantity) for row in done} == {
        (True, place, bread, Decimal(2)), (True, place, milk, Decimal("1.5")),
    }  # fmt: skip
    assert (balance(sql, bread, place), balance(sql, milk, place)) == ((5, 2), (3, Decimal("1.5")))
    assert end(basket, "sell", order) is True
    assert (balance(sql, bread, place), balance(sql, milk, place)) == ((3, 0), (Decimal("1.5"), 0))
    sold = sql.execute("SELECT kind, quantity FROM store.movements WHERE order_id = %s ORDER BY quantity", [order])
    assert sold.fetchall() == [("sale", Decimal("1.5")), ("sale", Decimal(2))]
    for again in ("sell", "release"):
        assert end(basket, again, order) is False
    assert balance(sql, bread, place) == (3, 0)


def test_what_is_released_is_there_again_once(basket: Any, goods: Any, warehouse: Any, sql: Any) -> None:
    place, order = warehouse(), uuid4()
    bread = goods({place: 5})
    reserve(basket, {bread: 5}, order=order)
    assert end(basket, "release", order) is True
    assert balance(sql, bread, place) == (5, 0)
    for again in ("release", "sell"):
        assert end(basket, again, order) is False
    assert balance(sql, bread, place) == (5, 0)
    assert end(basket, "release", uuid4()) is False


def test_the_same_order_reserves_once(basket: Any, goods: Any, warehouse: Any, sql: Any) -> None:
    place, order = warehouse(), uuid4()
    bread = goods({place: 5})
    first = reserve(basket, {bread: 2}, order=order)
    second = reserve(basket, {bread: 2}, order=order)
    assert [(row.reserved, row.product, row.quantity) for row in first] == [
        (row.reserved, row.product, row.quantity) for row in second
    ]
    assert balance(sql, bread, place) == (5, 2)


def test_all_lines_or_none_and_the_shortages_come_back(basket: Any, goods: Any, warehouse: Any, sql: Any) -> None:
    place, order = warehouse(), uuid4()
    bread, milk, salt = goods({place: 5}), goods({place: 1}), goods({})
    short = reserve(basket, {bread: 2, milk: 3, salt: 1}, order=order, warehouse=place)
    assert {(row.reserved, str(row.in_warehouse), str(row.product), row.available) for row in short} == {
        (False, place, milk, Decimal(1)), (False, place, salt, Decimal(0)),
    }  # fmt: skip
    assert (balance(sql, bread, place), balance(sql, milk, place)) == ((5, 0), (1, 0))
    # Nothing of the failed try is left: the order may try again with less.
    assert all(row.reserved for row in reserve(basket, {bread: 2, milk: 1}, order=order, warehouse=place))


def test_the_nearest_that_has_all_is_chosen(basket: Any, goods: Any, warehouse: Any) -> None:
    near, far = warehouse(latitude=10, longitude=10), warehouse(latitude=50, longitude=50)
    bread, milk = goods({near: 5, far: 5}), goods({far: 5})

    def chosen(lines: dict[str, Any], **given: Any) -> set[str]:
        return {str(row.in_warehouse) for row in reserve(basket, lines, **given) if row.reserved}

    assert chosen({bread: 1}, near=(11, 11)) == {near}
    assert chosen({bread: 1}, near=(49, 49)) == {far}
    assert chosen({bread: 1, milk: 1}, near=(11, 11)) == {far}, "the near one hasn't all"
    assert chosen({bread: 1}, near=(11, 11), warehouse=far) == {far}
    assert chosen({bread: 1, milk: 1}, warehouse=near) == set()


def test_a_closed_warehouse_and_an_archived_product_have_nothing(
    basket: Any, goods: Any, warehouse: Any, staff: str
) -> None:
    place = warehouse()
    bread, milk = goods({place: 5}), goods({place: 5})
    good(call("DELETE", f"/store/products/{milk}", token=staff), 204)
    assert [(row.reserved, row.available) for row in reserve(basket, {milk: 1})] == [(False, 0)]
    good(call("PATCH", f"/store/warehouses/{place}", {"active": False}, token=staff))
    assert [row.reserved for row in reserve(basket, {bread: 1})] == [False]
    assert [row.reserved for row in reserve(basket, {bread: 1}, warehouse=place)] == [False]


@pytest.mark.parametrize(
    "lines",
    [
        "[]",
        '[{"product_id": null, "quantity": 1}]',
        '[{"product_id": "019aa7c0-0000-7000-8000-000000000001", "quantity": 0}]',
        '[{"product_id": "019aa7c0-0000-7000-8000-000000000001", "quantity": -1}]',
        '[{"product_id": "019aa7c0-0000-7000-8000-000000000001", "quantity": 1.0001}]',
        '[{"product_id": "019aa7c0-0000-7000-8000-000000000001"}]',
        '[{"product_id": "019aa7c0-0000-7000-8000-000000000001", "quantity": 1},'
        ' {"product_id": "019aa7c0-0000-7000-8000-000000000001", "quantity": 1}]',
    ],
)
def test_lines_that_make_no_sense_are_refused(basket: Any, lines: str) -> None:
    given = {"order": uuid4(), "lines": lines, "warehouse": None, "latitude": None, "longitude": None}
    with pytest.raises(Exception, match="lines must name each product once"):
        basket.transaction(lambda transaction: transaction.execute(RESERVE, given).all())


def test_the_last_ten_are_sold_to_ten(goods: Any, warehouse: Any, sql: Any, shop: Any) -> None:
    from eatit.database import Database

    place = warehouse()
    bread = goods({place: 10})

    def buy(_: int) -> int:
        database = Database("basket")
        try:
            return sum(any(row.reserved for row in reserve(database, {bread: 1})) for _ in range(8))
        finally:
            database.close()

    with ThreadPoolExecutor(5) as pool:
        assert sum(pool.map(buy, range(5))) == 10
    assert balance(sql, bread, place) == (10, 10)


def test_shuffled_orders_and_movements_meet_without_a_deadlock(goods: Any, warehouse: Any, sql: Any, shop: Any) -> None:
    """Orders of the same goods in every order of lines, while staff write off: nobody waits in a circle."""
    import random

    from eatit.database import Database
    from store import stock

    places = [warehouse(), warehouse()]
    things = [goods(dict.fromkeys(places, 1000)) for _ in range(8)]
    before = sql.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()[0]

    def buy(_: int) -> None:
        database = Database("basket")
        try:
            for _ in range(12):
                order = uuid4()
                reserve(database, dict.fromkeys(random.sample(things, 6), 1), order=order)
                end(database, random.choice(["sell", "release"]), order)
        finally:
            database.close()

    def write_off(_: int) -> None:
        database = Database("store")
        try:
            for _ in range(30):
                wanted = stock.Wanted(
                    "transfer", UUID(random.choice(things)), UUID(places[0]), UUID(places[1]), Decimal(1), "x"
                )
                database.transaction(lambda transaction, w=wanted: stock.move(transaction, w, UUID(int=1)))  # type: ignore[misc]
        finally:
            database.close()

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(buy, n) for n in range(4)] + [pool.submit(write_off, n) for n in range(2)]
        for job in jobs:
            job.result()
    after = sql.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()[0]
    assert after == before
    for thing in things:
        held = sql.execute(
            "SELECT coalesce(sum(l.quantity), 0) FROM store.reserved_lines l JOIN store.reservations r USING (order_id)"
            " WHERE l.product_id = %s AND r.state = 'reserved'",
            [thing],
        ).fetchone()[0]
        assert sum(balance(sql, thing, place)[1] for place in places) == held == 0


def test_the_versions_that_are_told_have_no_holes(goods: Any, warehouse: Any, basket: Any, sql: Any) -> None:
    place = warehouse()
    bread = goods({place: 5})
    order = uuid4()
    reserve(basket, {bread: 5}, order=order)
    end(basket, "release", order)
    rows = sql.execute(
        "SELECT version, state ->> 'available' FROM events.outbox"
        " WHERE aggregate_id = %s AND type = 'store.stock.changed' ORDER BY version",
        [bread],
    ).fetchall()
    assert rows == [(1, "5.000"), (2, "0.000"), (3, "5.000")]


def test_what_the_database_wrote_is_adopted_once(basket: Any, goods: Any, warehouse: Any) -> None:
    from eatit.outbox import adopt_written

    place = warehouse()
    things = [goods({place: 5}) for _ in range(3)]
    lines = json.dumps([{"product_id": thing, "quantity": "1"} for thing in things])
    given = {"order": uuid4(), "lines": lines, "warehouse": None, "latitude": None, "longitude": None}

    def work(transaction: Any) -> list[int]:
        seen = []
        for statement in (RESERVE, None, text("SELECT store.release(CAST(:order AS uuid), 'test')")):
            if statement is not None:
                transaction.execute(statement, given)
            adopt_written(transaction)
            seen.append(len(transaction.events))
        told = [(str(event.aggregate_id), event.version) for event in transaction.events]
        assert sorted(told) == sorted((thing, version) for thing in things for version in (2, 3))
        assert len({event.id for event in transaction.events}) == 6
        return seen

    assert basket.transaction(work) == [3, 3, 6]
