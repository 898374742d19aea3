"""Imports when things go wrong: killed for real in the middle, doubled, crossed by others, refused by a server."""

import gzip
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from eatit.errors import Unavailable
from localstack.template import ROOT
from store.imports_worker import handler
from tests.functions.calls import call, eventually, good, unique
from tests.functions.events import Context, rmq_event
from tests.functions.goods_files import Importing, gtin, refused, turn_event

ALONE = """
import json, sys
from store.imports_worker import handler
from tests.functions.events import Context
handler(json.load(sys.stdin), Context(seconds=120))
"""


@pytest.fixture
def importing(staff: str, sql: Any) -> Importing:
    return Importing(staff, sql)


def worker(event: dict[str, Any]) -> "subprocess.Popen[bytes]":
    """A process of its own that does this turn."""
    paths = os.pathsep.join(str(ROOT / part) for part in ("functions", "layers/eatit", "."))
    child = subprocess.Popen(
        [sys.executable, "-c", ALONE],
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdin
    child.stdin.write(json.dumps(event).encode())
    child.stdin.close()
    return child


def many(importing: Importing, count: int) -> tuple[str, bytes]:
    """A prefix, and a CSV of so many goods whose SKUs begin with it; every hundredth is bad."""
    prefix = unique("many")
    rows = [importing.row(sku=f"{prefix}-{each}", price="x" if each % 100 == 7 else str(each)) for each in range(count)]
    return prefix, importing.csv(rows)


def standing(sql: Any, prefix: str) -> tuple[int, int, int]:
    """Products, events and prices of the SKUs that begin so."""
    row = sql.execute(
        """SELECT count(*), (SELECT count(*) FROM events.outbox o WHERE o.aggregate_id = ANY(array_agg(p.id))),
            (SELECT count(*) FROM store.prices o WHERE o.product_id = ANY(array_agg(p.id)))
        FROM store.products p WHERE sku LIKE %s || '-%%'""",
        [prefix],
    ).fetchone()
    return tuple(row)


def test_killed_in_the_middle_it_goes_on_and_does_no_row_twice(importing: Importing, sql: Any) -> None:
    prefix, text = many(importing, 12_000)
    run_id = importing.untold(text)
    for least in (1000, 5000):
        child = worker(turn_event(run_id))
        try:

            def begun(least: int = least) -> None:
                assert importing.run(run_id)["rows"] >= least

            eventually(begun, seconds=60)
        finally:
            child.kill()
            assert child.wait() != 0, "it was done before it was killed"
    assert importing.run(run_id)["rows"] < 12_000
    handler(turn_event(run_id), Context(seconds=120))
    run = importing.run(run_id)
    assert (run["status"], run["rows"], run["created"], run["updated"]) == ("done", 12_000, 11_880, 0)
    assert (run["unchanged"], run["failed"], len(run["errors"])) == (0, 120, 120)
    assert [error["row"] for error in run["errors"]] == [each * 100 + 9 for each in range(120)]
    assert standing(sql, prefix) == (11_880, 11_880, 11_880)


def test_one_turn_delivered_twice_at_once_is_done_once(importing: Importing, sql: Any) -> None:
    prefix, text = many(importing, 5_000)
    run_id = importing.untold(text)
    workers = [worker(turn_event(run_id)) for _ in range(3)]
    assert [child.wait(timeout=100) for child in workers] == [0, 0, 0]
    handler(turn_event(run_id), Context(seconds=120))  # where all of them were overtaken, the queue would give it again
    run = importing.run(run_id)
    assert (run["status"], run["rows"], run["created"], run["failed"]) == ("done", 5_000, 4_950, 50)
    assert standing(sql, prefix) == (4_950, 4_950, 4_950)


def test_a_turn_that_runs_out_of_time_tells_of_the_next(
    importing: Importing, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix, text = many(importing, 2_500)
    run_id = importing.untold(text)
    monkeypatch.setattr("store.imports_worker.TURN_SECONDS", 0.0)
    assert handler(turn_event(run_id), Context())["turns"] == 1
    told = sql.execute(
        "SELECT version FROM events.outbox WHERE aggregate_id = %s AND type = 'store.import.advanced'", [run_id]
    ).fetchall()
    assert (1,) in told
    assert handler(turn_event(run_id), Context())["repeated"] == 1  # the first turn's message, once more
    run = importing.followed(run_id)
    assert (run["status"], run["rows"], run["created"]) == ("done", 2_500, 2_475)
    assert standing(sql, prefix) == (2_475, 2_475, 2_475)


@pytest.mark.parametrize("packed", [False, True])
def test_progress_is_how_far_the_rows_are(
    importing: Importing, monkeypatch: pytest.MonkeyPatch, *, packed: bool
) -> None:
    monkeypatch.setattr("store.imports_worker.TURN_SECONDS", 0.0)
    monkeypatch.setattr("store.imports._tell", lambda *_: None)  # the stack's own worker hears nothing of it
    text = many(importing, 2_500)[1]
    run_id = importing.untold(gzip.compress(text) if packed else text)
    seen = []
    for turn in range(3):
        assert handler(turn_event(run_id, turn), Context())["turns"] == 1
        run = importing.run(run_id)
        seen.append((run["status"], run["rows"], run["progress"]))
    assert [each[:2] for each in seen] == [("running", 1_000), ("running", 2_000), ("done", 2_500)]
    assert [each[2] for each in seen] == sorted(each[2] for each in seen)
    assert packed or (0.3 < seen[0][2] < 0.5 < seen[1][2] < 0.9)
    assert seen[2][2] == 1


def test_two_imports_of_the_same_goods_at_once_both_come_to_their_end(importing: Importing, sql: Any) -> None:
    prefix = unique("both")
    codes = [gtin() for _ in range(3_000)]
    rows = [importing.row(sku=f"{prefix}-{each}", barcode=code) for each, code in enumerate(codes)]
    other = [{**row, "name": "Хлеб"} for row in reversed(rows)]
    runs = [importing.untold(importing.csv(each)) for each in (rows, other)]
    workers = [worker(turn_event(run_id)) for run_id in runs]
    assert [child.wait(timeout=100) for child in workers] == [0, 0]
    told = [importing.run(run_id) for run_id in runs]
    assert [(run["status"], run["rows"], run["failed"]) for run in told] == [("done", 3_000, 0)] * 2
    assert sum(run["created"] for run in told) == 3_000
    assert sum(run["updated"] for run in told) == 3_000
    assert standing(sql, prefix)[:2] == (3_000, 6_000)


def test_whoever_makes_the_same_product_meanwhile_is_seen(
    importing: Importing, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from store import import_upsert
    from store.import_goods import WRITTEN

    name, others = unique("imp"), [unique("imp") for _ in range(3)]
    write = import_upsert._write
    met: list[bool] = []

    def crossed(transaction: Any, prepared: Any) -> None:
        if not met:
            met.append(True)
            made = dict(zip(("id", *WRITTEN), prepared.made[0], strict=True))
            body = {
                "sku": name,
                "name": "Раньше",
                "price": {"amount": 1, "currency": "RUB"},
                "sold_by": "piece",
                "category_id": str(made["category_id"]),
                "unit_id": str(made["unit_id"]),
            }
            child = subprocess.run(
                [sys.executable, "-c", MAKE],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                input=json.dumps([body, importing.token]).encode(),
                stdout=subprocess.DEVNULL,
                check=True,
            )
            assert child.returncode == 0
        write(transaction, prepared)

    monkeypatch.setattr(import_upsert, "_write", crossed)
    run_id = importing.untold(importing.csv([importing.row(sku=each) for each in (name, *others)]))
    handler(turn_event(run_id), Context(seconds=120))
    run = importing.run(run_id)
    assert (run["status"], run["created"], run["updated"], run["failed"]) == ("done", 3, 1, 0)
    assert importing.product(name)["version"] == 2


MAKE = """
import json, sys
from tests.functions.calls import call, good
body, token = json.load(sys.stdin)
good(call("POST", "/store/products", body, token=token), 201)
"""


def test_what_the_database_refuses_costs_its_own_row_alone(importing: Importing, sql: Any) -> None:
    bad, rest = unique("imp"), [unique("imp") for _ in range(20)]
    sql.execute(f"ALTER TABLE store.products ADD CONSTRAINT tests_refused CHECK (sku <> '{bad}') NOT VALID")
    try:
        names = [*rest[:7], bad, *rest[7:]]
        run_id = importing.untold(importing.csv([importing.row(sku=each) for each in names]))
        handler(turn_event(run_id), Context(seconds=120))
    finally:
        sql.execute("ALTER TABLE store.products DROP CONSTRAINT tests_refused")
    run = importing.run(run_id)
    assert (run["status"], run["rows"], run["created"], run["failed"]) == ("done", 21, 20, 1)
    assert refused(run) == {(9, None, "unstorable")}
    assert all(importing.found(each) for each in rest)


@pytest.mark.filterwarnings("ignore:No application metrics to publish")  # nor are there, when it raises
def test_storage_that_is_away_gives_the_message_back(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    from store.database import files

    name = unique("imp")
    run_id = importing.untold(importing.csv([importing.row(sku=name)]))

    def away(*_: Any) -> None:
        raise Unavailable(what="files")

    with monkeypatch.context() as patch:
        patch.setattr(files, "read_range", away)
        with pytest.raises(Unavailable):
            handler(turn_event(run_id), Context())
    assert importing.run(run_id)["status"] == "running"
    handler(turn_event(run_id), Context())
    assert importing.run(run_id)["created"] == 1


def test_a_chunk_too_large_for_a_busy_database_is_done_in_pieces(
    importing: Importing, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from store.import_upsert import upsert

    largest: list[int] = []

    def busy(transaction: Any, rows: Any, **given: Any) -> Any:
        if len(rows) > 300:
            raise Unavailable(what="database")
        largest.append(len(rows))
        return upsert(transaction, rows, **given)

    prefix, text = many(importing, 2_000)
    run_id = importing.untold(text)
    monkeypatch.setattr("store.import_turn.upsert", busy)
    handler(turn_event(run_id), Context(seconds=120))
    run = importing.run(run_id)
    assert (run["status"], run["rows"], run["created"], run["failed"]) == ("done", 2_000, 1_980, 20)
    assert 100 < max(largest) <= 300
    assert standing(sql, prefix) == (1_980, 1_980, 1_980)


def test_what_nobody_foresaw_ends_the_run_and_says_so(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = importing.untold(importing.csv([importing.row(sku=unique())]))

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("store.import_turn.upsert", broken)
    assert handler(turn_event(run_id), Context()) == {"turns": 1, "repeated": 0, "parked": 0}
    run = importing.run(run_id)
    assert (run["status"], run["reason"], run["rows"]) == ("failed", "internal_error", 0)


def test_a_message_that_makes_no_sense_is_parked(shop: dict[str, Any]) -> None:
    event = rmq_event(b"nonsense", queue="store.imports")
    assert handler(event, Context()) == {"turns": 0, "repeated": 0, "parked": 1}


def test_a_run_that_was_forgotten_is_told_again(importing: Importing, sql: Any, staff: str) -> None:
    name = unique("imp")
    run_id = importing.untold(importing.csv([importing.row(sku=name)]))
    path = f"/store/imports/{run_id}/complete"
    good(call("POST", path, token=staff), 202)
    assert importing.run(run_id)["status"] == "running"
    sql.execute("UPDATE store.imports SET updated_at = now() - interval '11 minutes' WHERE id = %s", [run_id])
    good(call("POST", path, token=staff), 202)
    assert importing.followed(run_id)["created"] == 1


def test_upkeep_sweeps_old_runs(importing: Importing, sql: Any) -> None:
    from operations.upkeep import handler as upkeep

    never = importing.begun(b"sku\n1\n")
    young = importing.begun(b"sku\n1\n")
    old = importing.done(importing.csv([importing.row(sku=unique(), price="x")]))["id"]
    sql.execute("UPDATE store.imports SET created_at = now() - interval '25 hours' WHERE id = %s", [never])
    sql.execute("UPDATE store.imports SET created_at = now() - interval '32 days' WHERE id = %s", [old])
    sql.execute("UPDATE store.import_errors SET at = now() - interval '31 days' WHERE import_id = %s", [old])
    upkeep({}, Context(seconds=60))
    left = sql.execute("SELECT id::text FROM store.imports WHERE id = ANY(%s)", [[never, young, old]]).fetchall()
    assert left == [(young,)]
    assert sql.execute("SELECT count(*) FROM store.import_errors WHERE import_id = %s", [old]).fetchone() == (0,)
