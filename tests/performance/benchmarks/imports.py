"""Rows a second of an import beside COPY of the same file into an untyped table, and its memory at a million rows."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

from localstack.template import ROOT
from tests.performance.benchmarks.figures import Figure, logs_in_a_file
from tests.performance.benchmarks.import_floor import floor, statements
from tests.performance.benchmarks.relay import RelayContext
from tests.performance.cold_start import Ratio
from tests.performance.requests_of import Shop

ROWS = 50_000
FEW, MANY = 10_000, 1_000_000
ROUNDS = 3
NEW, SAME, PRICES = "new goods", "the same goods again", "the same goods at other prices"
FLOOR = f"the floor: {ROWS:,} ready-made rows into tables like ours"
OWN = "of that: the products' own rows"
STATEMENTS = "the import's own transactions, their goods made ready before"
COLUMNS = (
    "sku", "name", "composition", "category", "unit", "sold_by", "price", "nutrition_fat_g", "nutrition_protein_g",
    "nutrition_salt_g", "status",
)  # fmt: skip
QUIET_SECONDS = 600
_UNHEARD = """
    SELECT count(*) FROM events.outbox o LEFT JOIN basket.inbox i ON i.event_id = o.id
    WHERE i.event_id IS NULL AND o.type LIKE 'store.product.%'
"""
_PAUSED = "UPDATE store.imports SET status = 'running' WHERE id = %s"
# One process a run: what it held at most is its own, and it begins as cold as a function does.
_ALONE = """
import json, re, sys, time
from pathlib import Path
from uuid import UUID
from eatit.identifiers import uuid7
from store import import_turn
from store.database import database
from sqlalchemy import text
database.read(text("SELECT 1"))
begun = time.perf_counter()
import_turn.run(UUID(sys.argv[1]), 0, uuid7(), until=float("inf"))
seconds = time.perf_counter() - begun
# Not getrusage's, which begins with what the parent held.
held = int(re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])
print(json.dumps([seconds, held]), file=sys.stderr)
"""


def figures(stack: Mapping[str, Any], shop: Shop) -> Iterator[Figure]:
    """New goods beside COPY, the floor and their own statements, the same once more, with other prices, the shop at
    rest before each; and what the process holds of a file a hundred times as long (a dry run)."""
    staff = shop.sign_in("staff")
    category = shop.call("POST", "/store/categories", token=staff, body={"name": "Bench", "slug": _slug()})["slug"]
    with psycopg.connect(stack["database_url"], autocommit=True) as sql:
        sql.execute("DROP TABLE IF EXISTS public.untyped")
        sql.execute(f"CREATE TABLE public.untyped ({', '.join(f'{name} text' for name in COLUMNS)})")
        times: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            staff = shop.sign_in("staff")  # a round takes minutes, and a token lasts a quarter of an hour
            for what, seconds in _round(stack, sql, shop, staff, category):
                times.setdefault(what, []).append(seconds)
        sql.execute("DROP TABLE public.untyped")
        copies = times["COPY"]
        rates = f"{ROWS / statistics.median(copies):,.0f} rows a second by COPY"
        for what in (NEW, SAME, PRICES):
            share = _share(times[what], copies)
            aim = 5.0 if what in (NEW, SAME) else None
            told = f"{ROWS / statistics.median(times[what]):,.0f} rows a second, {share} of COPY's ({rates})"
            yield Figure(f"import of {ROWS:,} rows: {what}", "COPY, untyped", Ratio.of(times[what], copies), aim, told)
        for what in (FLOOR, OWN, STATEMENTS):
            yield Figure(what, "COPY, untyped", Ratio.of(times[what], copies), None, f"{_share(times[what], copies)}")
        for what in (FLOOR, STATEMENTS):
            ratio = Ratio.of(times[NEW], times[what])
            yield Figure(f"import of {ROWS:,} rows: {NEW}", what, ratio, None, _share(times[NEW], times[what]))
        held, staff = {}, shop.sign_in("staff")
        for count in (FEW, MANY):
            content = b"".join(_sheet(category, count))
            seconds, held[count] = _imported(stack, sql, shop, staff, content, {"rows": count}, dry_run=True)
        also = f"{held[FEW] / 1024:.0f} and {held[MANY] / 1024:.0f} MB at most; {MANY / seconds:,.0f} rows a second"
        ratio = Ratio.of([held[MANY]], [held[FEW]])
        yield Figure(f"memory of an import of {MANY:,} rows (dry run)", f"of {FEW:,} rows", ratio, 1.1, also)


def _round(
    stack: Mapping[str, Any], sql: psycopg.Connection[Any], shop: Shop, staff: str, category: str
) -> Iterator[tuple[str, float]]:
    content = b"".join(_sheet(category, ROWS))
    _quiet(sql)
    yield "COPY", _copied(sql, content)
    yield NEW, _imported(stack, sql, shop, staff, content, {"created": ROWS})[0]
    mark = content.split(b"\n", 2)[1].split(b"-")[0].decode()
    _quiet(sql)
    all_of_it, own = floor(sql, mark, ROWS)
    yield FLOOR, all_of_it
    yield OWN, own
    _quiet(sql)
    yield STATEMENTS, statements(b"".join(_sheet(category, ROWS)))
    _quiet(sql)
    yield SAME, _imported(stack, sql, shop, staff, content, {"unchanged": ROWS})[0]
    other = content.replace(b",piece,piece,", b",piece,piece,9")
    yield PRICES, _imported(stack, sql, shop, staff, other, {"updated": ROWS})[0]


def _quiet(sql: psycopg.Connection[Any]) -> None:
    """Wait until the shop has told of all that was imported before: it would work on the same two cores."""
    from operations.outbox_relay import handler

    deadline = time.monotonic() + QUIET_SECONDS
    with logs_in_a_file():
        handler({}, RelayContext())
    while (row := sql.execute(_UNHEARD).fetchone()) and row[0]:
        assert time.monotonic() < deadline, f"{row[0]} events are never heard"
        time.sleep(0.2)


def _share(times: list[float], copies: list[float]) -> str:
    return f"{statistics.median(copies) / statistics.median(times) * 100:.1f} %"


def _slug() -> str:
    return f"bench-{uuid.uuid4().hex[:12]}"


def _sheet(category: str, count: int) -> Iterator[bytes]:
    """A CSV of goods that nobody has, with a composition as long as real ones."""
    yield (",".join(COLUMNS) + "\n").encode()
    mark, words = uuid.uuid4().hex[:12], "мука пшеничная, сахар, масло подсолнечное, соль, " * 4
    for each in range(count):
        numbers = f"{each % 10**6 + 1},{each % 40},{each % 50}.{each % 10},0.{each % 9 + 1}"
        yield f'{mark}-{each},Печенье № {each},"{words}",{category},piece,piece,{numbers},draft\n'.encode()


def _copied(sql: psycopg.Connection[Any], content: bytes) -> float:
    sql.execute("TRUNCATE public.untyped")
    begun = time.perf_counter()
    with sql.cursor() as cursor, cursor.copy("COPY public.untyped FROM STDIN (FORMAT csv, HEADER)") as copying:
        for start in range(0, len(content), 1 << 20):
            copying.write(content[start : start + (1 << 20)])
    return time.perf_counter() - begun


def _imported(
    stack: Mapping[str, Any],
    sql: psycopg.Connection[Any],
    shop: Shop,
    staff: str,
    content: bytes,
    expected: dict[str, int],
    *,
    dry_run: bool = False,
) -> tuple[float, float]:
    """Seconds of the run alone, and the kilobytes that its process held at most."""
    from store.import_files import PART, Parts, upload_key

    body = {"content_type": "text/csv", "size": len(content), "dry_run": dry_run}
    run_id = shop.call("POST", "/store/imports", token=staff, body=body)["id"]
    file = Parts(upload_key(run_id))
    for start in range(0, len(content), PART):
        file.add(content[start : start + PART])
    file.end()
    sql.execute(_PAUSED, [run_id])  # no worker of the stack's is told
    paths = os.pathsep.join(str(ROOT / part) for part in ("functions", "layers/eatit", "."))
    done = subprocess.run(
        [sys.executable, "-c", _ALONE, run_id],
        env={**os.environ, **stack["environment"], "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    run = shop.call("GET", f"/store/imports/{run_id}", token=staff)
    assert run["status"] == "done", run
    assert {name: run[name] for name in expected} == expected, run
    seconds, held = json.loads(done.stderr.strip().splitlines()[-1])
    return seconds, held
