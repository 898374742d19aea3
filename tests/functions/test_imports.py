"""Imports from the upload to the last row: what goes in, what is refused and why, and what a second time changes."""

import csv
import gzip
import io
import json
import urllib.request
from typing import Any

import pytest

from tests.functions.calls import call, good, product, unique
from tests.functions.goods_files import Importing, gtin, refused


@pytest.fixture
def importing(staff: str, sql: Any) -> Importing:
    return Importing(staff, sql)


def sheet(importing: Importing, *rows: dict[str, Any]) -> bytes:
    """A CSV of sound rows, each with its own changes."""
    return importing.csv([importing.row(**row) for row in rows])


def test_rows_make_products_as_the_api_does(importing: Importing, staff: str) -> None:
    first, second, barcode = unique("imp"), unique("imp"), gtin()
    rows = [
        {
            "sku": first,
            "barcode": barcode,
            "name": "Сыр, «Российский»\nтвёрдый",
            "name_en": "Cheese",
            "unit": "kg",
            "sold_by": "weight",
            "quantity_step": "0.5",
            "min_quantity": "1",
            "price": "12990",
            "allergens": "milk, nuts",
            "nutrition_fat_g": "28.5",
            "protein_g": "24",
        },
        {"sku": second, "status": "draft"},
    ]
    run = importing.done(sheet(importing, *rows))
    assert (run["rows"], run["created"], run["failed"], run["errors"], run["errors_url"]) == (2, 2, 0, [], None)
    made = importing.product(first)
    assert made["name"] == "Сыр, «Российский»\nтвёрдый"
    assert made["translations"] == {"en": {"name": "Cheese"}}
    assert (made["barcode"], made["price"]) == (barcode, {"amount": 12990, "currency": "RUB"})
    assert (made["unit"], made["quantity_step"], made["min_quantity"], made["max_quantity"]) == (
        "kg",
        "0.500",
        "1.000",
        None,
    )
    assert made["unit_price"] == {"price": {"amount": 12990, "currency": "RUB"}, "per": "kg"}
    assert (made["allergens"], made["nutrition"]["fat_g"], made["nutrition"]["protein_g"]) == (
        ["milk", "nuts"],
        "28.5",
        "24",
    )
    assert made["nutrition"]["salt_g"] is None
    assert importing.product(second)["status"] == "draft"
    history = good(call("GET", f"/store/products/{made['id']}/prices", token=staff))
    assert [each["price"]["amount"] for each in history["items"]] == [12990]


def test_what_is_as_it_was_makes_no_version_and_no_event(importing: Importing) -> None:
    names = [unique("imp") for _ in range(3)]
    importing.done(sheet(importing, *({"sku": name} for name in names)))
    events = importing.events(names)
    assert sorted(events) == sorted((name, "store.product.changed", 1) for name in names)
    run = importing.done(
        sheet(importing, {"sku": names[0]}, {"sku": names[1], "price": "5"}, {"sku": names[2], "status": "archived"})
    )
    assert (run["created"], run["updated"], run["unchanged"]) == (0, 2, 1)
    assert sorted(set(importing.events(names)) - set(events)) == sorted(
        [(names[1], "store.product.changed", 2), (names[2], "store.product.archived", 2)]
    )
    assert [importing.product(name)["version"] for name in names] == [1, 2, 2]


def test_an_event_carries_the_state_that_the_api_would_tell(importing: Importing, sql: Any) -> None:
    name = unique("imp")
    importing.done(sheet(importing, {"sku": name}))
    made = importing.product(name)
    state = sql.execute("SELECT state FROM events.outbox WHERE aggregate_id = %s", [made["id"]]).fetchone()[0]
    assert {key: state[key] for key in ("id", "sku", "price", "unit", "version")} == {
        key: made[key] for key in ("id", "sku", "price", "unit", "version")
    }


def test_a_row_without_a_sku_means_the_product_with_its_barcode(importing: Importing, staff: str) -> None:
    there, new = gtin(), gtin()
    before = product(staff, barcode=there, sold_by="piece", quantity_step="1")
    text = importing.csv(
        [
            {"barcode": there, "name": "Другое имя"},
            {"barcode": new, "name": "Новое"},
            {"barcode": "", "name": "Ничьё"},
        ]
    )
    run = importing.done(text, mapping={"constants": importing.constants})
    assert (run["created"], run["updated"], run["failed"]) == (1, 1, 1)
    assert refused(run) == {(4, "sku", "missing")}
    assert good(call("GET", f"/store/products/{before['id']}", token=staff))["name"] == "Другое имя"
    assert importing.product(new)["barcode"] == new


def test_a_column_that_isnt_there_leaves_what_stands_and_an_empty_cell_takes_it_away(
    importing: Importing, staff: str
) -> None:
    name = unique("imp")
    importing.done(sheet(importing, {"sku": name, "description": "О сыре", "name_en": "Cheese", "fat_g": "3"}))
    importing.done(importing.csv([{"sku": name, "price": "7"}]))
    made = importing.product(name)
    assert (made["description"], made["translations"], made["nutrition"]["fat_g"]) == (
        "О сыре",
        {"en": {"name": "Cheese"}},
        "3",
    )
    importing.done(importing.csv([{"sku": name, "description": "", "name_en": "", "fat_g": "", "price": ""}]))
    made = importing.product(name)
    assert (made["description"], made["nutrition"], made["price"]["amount"]) == (None, None, 7)
    assert made["translations"] in ({}, {"en": {}})


def test_bad_rows_are_told_by_row_column_and_code_and_the_rest_goes_in(importing: Importing) -> None:
    names = [unique("imp") for _ in range(9)]
    taken = gtin()
    text = sheet(
        importing,
        {"sku": names[0], "barcode": taken},
        {"sku": names[1], "price": "129.90"},
        {"sku": names[2], "name": ""},
        {"sku": names[3], "barcode": "4600000000010"},
        {"sku": names[4], "barcode": taken},
        {"sku": names[5], "category": "nowhere", "unit": "furlong"},
        {"sku": names[6], "fat_g": "60", "protein_g": "50"},
        {"sku": names[7], "sold_by": "weight", "unit": "piece"},
        {"sku": names[8], "price": "1000000000001", "fat_g": "1e2", "allergens": "milk,love"},
        {"sku": names[0], "min_quantity": "0.0001"},
    )
    run = importing.done(text)
    assert (run["rows"], run["created"], run["failed"]) == (10, 1, 9)
    assert refused(run) == {
        (3, "price", "wrong_type"),
        (4, "name", "missing"),
        (5, "barcode", "wrong_check_digit"),
        (6, "barcode", "barcode_taken"),
        (7, "category", "unknown_reference"),
        (7, "unit", "unknown_reference"),
        (8, "nutrition", "out_of_range"),
        (9, "unit", "wrong_dimension"),
        (10, "price", "out_of_range"),
        (10, "fat_g", "exponent"),
        (10, "allergens", "not_one_of"),
        (11, "min_quantity", "too_many_places"),
    }
    assert all(error["detail"] and "{" not in error["detail"] for error in run["errors"])
    with urllib.request.urlopen(run["errors_url"]) as answer:
        told = list(csv.DictReader(io.StringIO(answer.read().decode())))
    assert {(int(row["row"]), row["column"] or None, row["code"]) for row in told} == refused(run)


def test_errors_are_told_in_the_callers_language(importing: Importing, staff: str) -> None:
    run = importing.done(sheet(importing, {"sku": unique("imp"), "price": "x"}))
    russian = call("GET", f"/store/imports/{run['id']}", token=staff, headers={"Accept-Language": "ru"})
    assert good(russian)["errors"][0]["detail"] == "Здесь должно быть: целое число."
    assert russian.headers["content-language"] == "ru"
    assert run["errors"][0]["detail"] == "This must be a whole number."


def test_of_two_rows_for_one_product_the_later_wins(importing: Importing) -> None:
    name = unique("imp")
    run = importing.done(sheet(importing, {"sku": name, "price": "1"}, {"sku": name, "price": "2"}))
    assert (run["created"], run["updated"], run["failed"]) == (1, 1, 0)
    made = importing.product(name)
    assert (made["price"]["amount"], made["version"]) == (2, 1)


def test_a_barcode_wanders_from_one_product_to_another_in_one_file(importing: Importing) -> None:
    first, second, one, other = unique("imp"), unique("imp"), gtin(), gtin()
    importing.done(sheet(importing, {"sku": first, "barcode": one}))
    run = importing.done(sheet(importing, {"sku": first, "barcode": other}, {"sku": second, "barcode": one}))
    assert (run["created"], run["updated"], run["failed"]) == (1, 1, 0)
    assert (importing.product(first)["barcode"], importing.product(second)["barcode"]) == (other, one)


def test_a_dry_run_tells_and_changes_nothing(importing: Importing, staff: str) -> None:
    there, new = unique("imp"), unique("imp")
    importing.done(sheet(importing, {"sku": there}))
    run = importing.done(
        sheet(importing, {"sku": there, "price": "3"}, {"sku": new}, {"sku": unique(), "price": "x"}), dry_run=True
    )
    assert (run["dry_run"], run["created"], run["updated"], run["failed"]) == (True, 1, 1, 1)
    assert importing.product(there)["version"] == 1
    assert importing.found(new) is None
    assert importing.events([there, new]) == [(there, "store.product.changed", 1)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1251"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_spreadsheets_csv_is_read(importing: Importing, encoding: str, delimiter: str, end: str) -> None:
    name = unique("imp")
    text = importing.csv(
        [importing.row(sku=name, name='Сыр "Ёлка", с дырками; вкусный', description="Ъ" * 300)],
        delimiter=delimiter,
        end=end,
    )
    run = importing.done(text.decode().encode(encoding))
    assert (run["rows"], run["created"]) == (1, 1), run
    made = importing.product(name)
    assert (made["name"], made["description"]) == ('Сыр "Ёлка", с дырками; вкусный', "Ъ" * 300)


def test_gzip_is_unpacked(importing: Importing) -> None:
    name = unique("imp")
    run = importing.done(gzip.compress(sheet(importing, {"sku": name})))
    assert run["created"] == 1
    assert importing.product(name)["sku"] == name


def test_json_lines_are_read(importing: Importing) -> None:
    flat, deep = unique("imp"), unique("imp")
    lines = [
        {**importing.row(sku=flat), "price": 100, "allergens": ["milk"], "pack_size": 0.5},
        {
            **importing.row(sku=deep),
            "price": {"amount": 5, "currency": "RUB"},
            "nutrition": {"fat_g": "1"},
            "translations": {"en": {"name": "Bread"}},
        },
        {**importing.row(sku=unique()), "colour": "red"},
        [1],
    ]
    text = "\n".join(json.dumps(line) for line in lines) + "\n\n{broken\n"
    run = importing.done(text.encode(), content_type="application/jsonl")
    assert (run["rows"], run["created"], run["failed"]) == (5, 2, 3)
    assert refused(run) == {(3, "colour", "unknown_column"), (4, None, "unreadable_row"), (5, None, "unreadable_row")}
    # Quotes alone are no help to whoever sent a list.
    assert "JSON Lines" in run["errors"][1]["detail"]
    assert (importing.product(flat)["pack_size"], importing.product(flat)["allergens"]) == ("0.5", ["milk"])
    assert importing.product(deep)["translations"] == {"en": {"name": "Bread"}}


def test_a_mapping_turns_somebody_elses_columns_into_ours(importing: Importing) -> None:
    code = gtin()
    text = f"Штрихкод;Товар;Соль;Цвет\n{code};Суп;0.7391;красный\n{code}x;;1;\n".encode("windows-1251")
    mapping = {
        "columns": {"Штрихкод": ["sku", "barcode"], "Товар": "name", "Соль": "nutrition_salt_g", "Цвет": None},
        "constants": {**importing.constants, "status": "draft", "price": 0},
        "rounded": ["nutrition_salt_g"],
        "encoding": "windows-1251",
        "delimiter": ";",
    }
    run = importing.done(text, mapping=mapping)
    assert (run["created"], run["failed"]) == (1, 1)
    assert refused(run) == {(3, "Штрихкод", "wrong_form")}
    made = importing.product(code)
    assert (made["name"], made["nutrition"]["salt_g"], made["status"]) == ("Суп", "0.739", "draft")


def test_a_changed_product_is_fresh_at_the_next_read(importing: Importing) -> None:
    name = unique("imp")
    importing.done(sheet(importing, {"sku": name}))
    path = f"/store/products/{importing.product(name)['id']}"
    assert good(call("GET", path))["price"]["amount"] == 100
    importing.done(sheet(importing, {"sku": name, "price": "222"}))
    assert good(call("GET", path))["price"]["amount"] == 222
