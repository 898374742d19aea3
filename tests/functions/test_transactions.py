"""Transactions: a deadlock is tried again, what stays deadlocked is 503, what fails leaves nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from eatit.database import Database, Transaction
from eatit.errors import Unavailable
from tests.functions.calls import call, good, unit

LOCK = text("SELECT 1 FROM store.units WHERE id = :id FOR UPDATE")
COUNT_UP = text("UPDATE store.units SET version = version + 1 WHERE id = ANY(:ids)")


def test_a_deadlock_is_tried_again(staff: str) -> None:
    ids = [UUID(unit(staff)["id"]) for _ in range(2)]
    both_hold_one = threading.Barrier(2, timeout=20)
    runs: list[int] = []

    def crossing(first: UUID, second: UUID) -> None:
        database = Database("store")
        mine = 0

        def work(transaction: Transaction) -> None:
            nonlocal mine
            mine += 1
            runs.append(1)
            transaction.execute(LOCK, {"id": first})
            if mine == 1:
                both_hold_one.wait()
            transaction.execute(LOCK, {"id": second})
            transaction.execute(COUNT_UP, {"ids": ids})

        try:
            database.transaction(work)
        finally:
            database.close()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(crossing, *ids), pool.submit(crossing, *reversed(ids))]:
            done.result(timeout=30)
    assert len(runs) == 3
    for unit_id in ids:
        assert good(call("GET", f"/store/units/{unit_id}"))["version"] == 3


@pytest.mark.parametrize("state", ["40P01", "40001"])
def test_what_never_gets_through_is_unavailable_after_two_more_tries(state: str) -> None:
    database = Database("store")
    runs: list[int] = []

    def work(transaction: Transaction) -> None:
        runs.append(1)
        transaction.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '{state}'; END $$"))

    try:
        with pytest.raises(Unavailable):
            database.transaction(work)
    finally:
        database.close()
    assert len(runs) == 3


def test_an_error_in_the_work_undoes_it_all(staff: str) -> None:
    database, kept = Database("store"), unit(staff)

    def work(transaction: Transaction) -> None:
        transaction.execute(COUNT_UP, {"ids": [UUID(kept["id"])]})
        raise ZeroDivisionError

    try:
        with pytest.raises(ZeroDivisionError):
            database.transaction(work)
        # The connection is as good as before.
        assert database.read(text("SELECT 1")).scalar_one() == 1
    finally:
        database.close()
    assert good(call("GET", f"/store/units/{kept['id']}"))["version"] == 1


def test_events_are_handed_on_after_the_commit_alone(staff: str, sql: Any) -> None:
    from eatit.outbox import emit

    told: list[Any] = []
    kept = UUID(unit(staff)["id"])

    def after(database: Database, events: list[Any]) -> None:
        committed = sql.execute("SELECT count(*) FROM events.outbox WHERE id = %s", [events[0].id]).fetchone()
        told.append(committed)

    database = Database("store", after_commit=after)

    def work(transaction: Transaction, *, fail: bool) -> None:
        emit(transaction, "tests.told", kept, 1, {})
        assert told == []
        if fail:
            raise ZeroDivisionError

    try:
        with pytest.raises(ZeroDivisionError):
            database.transaction(lambda transaction: work(transaction, fail=True))
        assert told == []
        database.transaction(lambda transaction: work(transaction, fail=False))
    finally:
        database.close()
    assert told == [(1,)]
    sql.execute("DELETE FROM events.outbox WHERE type = 'tests.told'")
