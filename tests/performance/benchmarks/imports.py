"""Rows a second of an import beside COPY of the same file into an untyped table, and its memory at a million rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

from localstack.template import ROOT
from tests.performance.benchmarks.figures import Figure
from tests.performance.cold_start import Ratio
from tests.performance.requests_of import Shop

ROWS = 20_000
FEW, MANY = 10_000, 1_000_000
ROUNDS = 3
COLUMNS = (
    "sku", "name", "composition", "category", "unit", "sold_by", "price", "nutrition_fat_g", "nutrition_protein_g",
    "nutrition_salt_g", "status",
)  # fmt: skip
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
    """New goods, the same once more, and what the process holds of a file a hundred times as long (a dry run)."""
    staff = shop.sign_in("staff")
    category = shop.call("POST", "/store/categories", token=staff, body={"name": "Bench", "slug": _slug()})["slug"]
    with psycopg.connect(stack["database_url"], autocommit=True) as sql:
        sql.execute("DROP TABLE IF EXISTS public.untyped")
        sql.execute(f"CREATE TABLE public.untyped ({', '.join(f'{name} text' for name in COLUMNS)})")
        copies, made, again = [], [], []
        for _ in range(ROUNDS):
            content = b"".join(_sheet(category, ROWS))
            copies.append(_copied(sql, content))
            made.append(_imported(stack, sql, shop, staff, content, {"created": ROWS})[0])
            again.append(_imported(stack, sql, shop, staff, content, {"unchanged": ROWS})[0])
        sql.execute("DROP TABLE public.untyped")
        rates = f"{ROWS / min(copies):,.0f} rows a second by COPY"
        for what, times in (("new goods", made), ("the same goods again", again)):
            share = (
                f"{ROWS / min(times):,.0f} rows a second, {min(copies) / min(times) * 100:.1f} % of COPY's ({rates})"
            )
            yield Figure(f"import of {ROWS:,} rows: {what}", "COPY, untyped", Ratio.of(times, copies), 5.0, share)
        held = {}
        for count in (FEW, MANY):
            content = b"".join(_sheet(category, count))
            seconds, held[count] = _imported(stack, sql, shop, staff, content, {"rows": count}, dry_run=True)
        also = f"{held[FEW] / 1024:.0f} and {held[MANY] / 1024:.0f} MB at most; {MANY / seconds:,.0f} rows a second"
        ratio = Ratio.of([held[MANY]], [held[FEW]])
        yield Figure(f"memory of an import of {MANY:,} rows (dry run)", f"of {FEW:,} rows", ratio, 1.1, also)


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
    from store.database import files

    body = {"content_type": "text/csv", "size": len(content), "dry_run": dry_run}
    run_id = shop.call("POST", "/store/imports", token=staff, body=body)["id"]
    files.write(f"imports/{run_id}/file", content, "text/csv", cache_control="no-store")
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
