"""An import beside single changes of the same goods: no deadlock comes out, and versions, prices and events agree."""

import random
from typing import Any

import pytest

from tests.functions.calls import call, good, unique
from tests.functions.goods_files import Importing, turn_event
from tests.functions.test_import_faults import worker

GOODS = 1_500


@pytest.fixture
def importing(staff: str, sql: Any) -> Importing:
    return Importing(staff, sql)


def test_single_changes_and_an_import_of_the_same_goods_go_beside_each_other(
    importing: Importing, sql: Any, staff: str
) -> None:
    prefix = unique("beside")
    rows = [importing.row(sku=f"{prefix}-{each}") for each in range(GOODS)]
    importing.done(importing.csv(rows))
    ids = [row[0] for row in sql.execute("SELECT id FROM store.products WHERE sku LIKE %s", [f"{prefix}-%"]).fetchall()]
    random.Random(7).shuffle(ids)
    runs = [
        importing.untold(importing.csv([{**row, "price": str(price)} for row in rows])) for price in (200, 300, 200)
    ]
    children = [worker(turn_event(run_id)) for run_id in runs]
    changed = 0
    try:
        while any(child.poll() is None for child in children) or not changed:
            body = {"price": {"amount": 1000 + changed, "currency": "RUB"}}
            answer = call("PATCH", f"/store/products/{ids[changed % GOODS]}", body, token=staff)
            # A chunk holds its goods while it is written: on a busy machine for longer than a change waits.
            if answer.status != 503:
                good(answer)
                changed += 1
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert [child.returncode for child in children] == [0, 0, 0]
    told = [importing.followed(run_id) for run_id in runs]  # a turn may run out of time
    assert [(run["status"], run["rows"], run["failed"]) for run in told] == [("done", GOODS, 0)] * 3
    updated = sum(run["updated"] for run in told)
    row = sql.execute(
        """WITH told AS MATERIALIZED (
            SELECT aggregate_id, version, (state #>> '{price,amount}')::bigint AS price
            FROM events.outbox WHERE aggregate_id = ANY(%(ids)s)
        ), last AS (
            SELECT DISTINCT ON (aggregate_id) *, count(*) OVER (PARTITION BY aggregate_id) AS events
            FROM told ORDER BY aggregate_id, version DESC
        )
        SELECT sum(p.version - 1),
            count(*) FILTER (WHERE (p.version, p.version, p.price_amount) <> (l.version, l.events, l.price)),
            count(*) FILTER (WHERE p.version <> (SELECT count(*) FROM store.prices o WHERE o.product_id = p.id)),
            count(*) FILTER (WHERE p.price_amount <>
                (SELECT o.amount FROM store.prices o WHERE o.product_id = p.id ORDER BY since DESC LIMIT 1)),
            count(*) FILTER (WHERE p.price_amount <>
                (SELECT t.price_amount FROM store.search_texts t WHERE t.product_id = p.id))
        FROM store.products p JOIN last l ON l.aggregate_id = p.id""",
        {"ids": ids},
    ).fetchone()
    assert row == (updated + changed, 0, 0, 0, 0)
