"""Connections that end in the middle of a transaction: all of it is tried again, or none of it was done."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import text

from eatit.database import Database, Transaction
from eatit.errors import Unavailable
from tests.functions.calls import call, good, unit
from tests.functions.wire import Wire

COUNT_UP = text("UPDATE store.units SET version = version + 1 WHERE id = :id")


def _end(wire: Wire) -> None:
    wire.cut()
    wire.mend()


def test_lost_before_the_commit_it_is_run_again(staff: str, wired: Callable[[str], Wire]) -> None:
    wire = wired("DATABASE_URL")
    unit_id, database, runs = UUID(unit(staff)["id"]), Database("store"), []

    def work(transaction: Transaction) -> None:
        runs.append(1)
        transaction.execute(COUNT_UP, {"id": unit_id})
        if len(runs) == 1:
            _end(wire)

    try:
        with pytest.raises(Unavailable):  # found by the commit itself, which might have got through
            database.transaction(work)
        database.transaction(work)
    finally:
        database.close()
    assert good(call("GET", f"/store/units/{unit_id}"))["version"] == 2


def test_lost_by_a_read_beside_it_nothing_is_done(staff: str, wired: Callable[[str], Wire]) -> None:
    wire = wired("DATABASE_URL")
    unit_id, database = UUID(unit(staff)["id"]), Database("store")

    def work(transaction: Transaction) -> None:
        transaction.execute(COUNT_UP, {"id": unit_id})
        _end(wire)
        database.read(text("SELECT 1"))
        transaction.execute(COUNT_UP, {"id": unit_id})

    try:
        with pytest.raises(Unavailable):
            database.transaction(work)
        assert database.read(text("SELECT 1")).scalar_one() == 1
    finally:
        database.close()
    assert good(call("GET", f"/store/units/{unit_id}"))["version"] == 1
