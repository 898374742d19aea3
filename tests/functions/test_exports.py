"""Exports: every product in a CSV with the import's columns, which put in again changes nothing."""

import csv
import io
import urllib.request
from typing import Any

import pytest

from eatit.identifiers import uuid7
from store.imports_worker import handler
from tests.functions.calls import call, good, unique
from tests.functions.events import Context
from tests.functions.goods_files import Importing, gtin, turn_event, turn_of


@pytest.fixture
def importing(staff: str, sql: Any) -> Importing:
    return Importing(staff, sql)


def exported(token: str, sql: Any) -> tuple[Any, bytes]:
    """A run that is done, and its file. Its first turn is done here: the stack's own worker knows nothing of it."""
    run_id = str(uuid7())
    sql.execute("INSERT INTO store.exports (id, actor_id, trace_id) VALUES (%s, %s, '')", [run_id, run_id])
    handler(turn_event(run_id, 0, "export"), Context(seconds=120))
    return followed(token, sql, run_id)


def followed(token: str, sql: Any, run_id: str) -> tuple[Any, bytes]:
    """The same of a run that was begun."""
    while (run := good(call("GET", f"/store/exports/{run_id}", token=token)))["status"] == "running":
        handler(turn_of(sql, run_id, "export"), Context(seconds=120))
    assert run["status"] == "done", run
    with urllib.request.urlopen(run["url"]) as answer:
        assert answer.headers["Content-Type"].startswith("text/csv")
        assert "products.csv" in answer.headers["Content-Disposition"]
        return run, answer.read()


def test_an_export_put_in_again_changes_nothing(importing: Importing, sql: Any, staff: str) -> None:
    odd = [
        {"description": 'Много, "всего";\r\nи ещё', "composition": "=1+1", "name": "ё" * 300, "barcode": gtin()},
        {"nutrition_fat_g": "0.5", "allergens": "milk,nuts", "name_en": "Cheese", "status": "archived"},
        {"unit": "g", "pack_size": "0.000001", "max_quantity": "5", "low_stock_at": "0", "status": "draft"},
        {"unit": "kg", "sold_by": "weight", "quantity_step": "0.125", "price": "1000000000000"},
        {"name": "@SUM(1)", "description": "'=1", "composition": "''-1", "name_en": "'quoted'"},
    ]
    importing.done(importing.csv([importing.row(sku=unique("exp"), **each) for each in odd]))
    run, content = exported(staff, sql)
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert (run["rows"], len({row["sku"] for row in rows})) == (len(rows), len(rows))
    assert run["rows"] >= len(odd) + 50  # the demo's goods
    before = sql.execute("SELECT count(*), sum(version) FROM store.products").fetchone()
    again = importing.done(content)
    assert (again["rows"], again["unchanged"]) == (len(rows), len(rows)), again["errors"][:5]
    assert sql.execute("SELECT count(*), sum(version) FROM store.products").fetchone() == before


def test_no_cell_of_an_export_is_a_formula(importing: Importing, sql: Any, staff: str) -> None:
    sku = unique("exp")
    given = {"name": '=HYPERLINK("https://example.org")', "name_en": "+1", "description": "-1", "composition": "＠a"}
    importing.done(importing.csv([importing.row(sku=sku, **given)]))
    assert {name: importing.found(sku)[name] for name in ("name", "composition")} == {
        name: given[name] for name in ("name", "composition")
    }
    rows = list(csv.DictReader(io.StringIO(exported(staff, sql)[1].decode(), newline="")))
    assert not [cell for row in rows for cell in row.values() if cell and cell[0] in "=+-@＝＋－＠"]
    (row,) = (row for row in rows if row["sku"] == sku)
    assert {name: row[name] for name in given} == {name: f"'{cell}" for name, cell in given.items()}


def test_an_export_is_begun_by_a_request(sql: Any, staff: str) -> None:
    begun = call("POST", "/store/exports", token=staff)
    run_id = good(begun, 202)["id"]
    assert begun.headers["location"].endswith(f"/store/exports/{run_id}")
    run, content = followed(staff, sql, run_id)
    assert content.count(b"\n") > run["rows"] > 50


def test_prices_are_in_minor_units(importing: Importing, sql: Any, staff: str) -> None:
    name = unique("exp")
    importing.done(importing.csv([importing.row(sku=name, price="12990")]))
    rows = csv.DictReader(io.StringIO(exported(staff, sql)[1].decode(), newline=""))
    (row,) = (row for row in rows if row["sku"] == name)
    assert (row["price"], row["currency"], row["unit"], row["category"]) == (
        "12990",
        "RUB",
        "piece",
        importing.category,
    )


def test_a_turn_that_ends_early_is_gone_on_with(
    importing: Importing, sql: Any, staff: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing.done(importing.csv([importing.row(sku=unique("exp"), description="о" * 4000) for _ in range(2_200)]))
    monkeypatch.setattr("store.import_files.PART", 5 * 1024 * 1024)
    monkeypatch.setattr("store.imports_worker.TURN_SECONDS", 0.0)
    run, content = exported(staff, sql)
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert run["rows"] == len(rows) == len({row["sku"] for row in rows})
    assert len(content) > 2 * 5 * 1024 * 1024
    assert handler(turn_event(run["id"], 0, "export"), Context())["repeated"] == 1
    turns = sql.execute("SELECT turn FROM store.exports WHERE id = %s", [run["id"]]).fetchone()
    assert turns[0] >= 1


def test_an_upload_that_somebody_ended_is_begun_anew(
    importing: Importing, sql: Any, staff: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from store.database import files

    importing.done(importing.csv([importing.row(sku=unique("exp"), description="о" * 4000) for _ in range(1_000)]))
    monkeypatch.setattr("store.import_files.PART", 5 * 1024 * 1024)
    write = files.write_part
    ended: list[str] = []

    def overtaken(key: str, upload_id: str, number: int, content: bytes) -> str:
        tag = write(key, upload_id, number, content)
        if not ended:
            ended.append(upload_id)
            files.end_parts(key, upload_id, [(number, tag)])
        return tag

    monkeypatch.setattr(files, "write_part", overtaken)
    run, content = exported(staff, sql)
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert run["rows"] == len(rows) == len({row["sku"] for row in rows})
    assert ended
