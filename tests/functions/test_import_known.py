"""Rows that are known: passed over while nothing has changed that gives them their meaning, read again as soon as it
has."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.functions.calls import call, good, unique
from tests.functions.goods_files import Importing, gtin

Reads = Callable[[], list[int]]


@pytest.fixture
def importing(staff: str, sql: Any) -> Importing:
    return Importing(staff, sql)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """The numbers of the rows that were read since it was asked last."""
    from store.import_rows import read_row

    numbers: list[int] = []

    def noted(plan: Any, record: Any, number: int) -> Any:
        numbers.append(number)
        return read_row(plan, record, number)

    def since() -> list[int]:
        told = sorted(numbers)
        numbers.clear()
        return told

    monkeypatch.setattr("store.import_chunks.read_row", noted)
    return since


def counts(run: Any) -> tuple[int, int, int, int]:
    return run["created"], run["updated"], run["unchanged"], run["failed"]


def test_the_same_file_again_is_not_read_again(importing: Importing, read: Reads) -> None:
    names = [unique("known") for _ in range(3)]
    rows = [importing.row(sku=name) for name in names]
    text = importing.csv([*rows, importing.row(sku="no sku"), importing.row(sku="", barcode=gtin())])
    assert counts(importing.done(text)) == (4, 0, 0, 1)
    assert read() == [2, 3, 4, 5, 6]
    assert counts(importing.done(text)) == (0, 0, 4, 1)
    assert read() == [5]
    assert counts(importing.done(text, dry_run=True)) == (0, 0, 4, 1)
    assert read() == [5]
    assert [version for _, _, version in importing.events(names)] == [1, 1, 1]
    rows[1]["price"] = "7"
    assert counts(importing.done(importing.csv([*rows, importing.row(sku="", barcode=gtin())]))) == (1, 1, 2, 0)
    assert importing.product(names[1])["price"]["amount"] == 7


def test_json_lines_are_known_too(importing: Importing, read: Reads) -> None:
    row = {"sku": unique("known"), "name": "Сыр", "category": importing.category, "unit": "piece", "sold_by": "piece"}
    text = json.dumps({**row, "price": 5, "translations": {"en": {"name": "Cheese\u0000"[:6]}}}).encode() + b"\n"
    strange = b'{"sku": "\\u0000"}\n{"sku": "\\ud800"}\n{"sku": 5}\n'
    assert counts(importing.done(text + strange, content_type="application/jsonl")) == (1, 0, 0, 3)
    read()
    assert counts(importing.done(text + strange, content_type="application/jsonl")) == (0, 0, 1, 3)
    assert read() == [2, 3, 4]


def test_a_product_that_somebody_changed_is_set_right(importing: Importing, read: Reads, staff: str) -> None:
    names = [unique("known") for _ in range(2)]
    text = importing.csv([importing.row(sku=name) for name in names])
    importing.done(text)
    product_id = importing.product(names[0])["id"]
    body = {"price": {"amount": 1, "currency": "RUB"}}
    good(call("PATCH", f"/store/products/{product_id}", body, token=staff))
    read()
    assert counts(importing.done(text)) == (0, 1, 1, 0)
    assert read() == [2]
    assert importing.product(names[0])["price"]["amount"] == 100
    importing.done(text)
    assert read() == []


def test_what_one_row_changes_another_known_one_sets_right(importing: Importing) -> None:
    """In the order of the file, whether they stand in one chunk or in two beside each other."""
    barcode, name = gtin(), unique("known")
    others = [importing.row(sku=f"{name}-{each}", barcode="") for each in range(999)]
    first = importing.row(sku=name, barcode=barcode)
    importing.done(importing.csv([first, *others]))
    for changed, versions in (({"sku": name}, [1, 2, 3]), ({"sku": ""}, [1, 2, 3, 4, 5])):
        other = {**first, **changed, "price": "7"}
        assert counts(importing.done(importing.csv([other, first, *others]))) == (0, 2, 999, 0)
        assert importing.product(name)["price"]["amount"] == 100
        assert counts(importing.done(importing.csv([first, other]))) == (0, 1, 1, 0)
        assert counts(importing.done(importing.csv([other, *others, first]))) == (0, 1, 1000, 0)
        assert importing.product(name)["price"]["amount"] == 100
        assert [version for _, _, version in importing.events([name])] == versions


def test_a_change_of_one_chunk_is_set_right_by_a_known_row_of_the_next(importing: Importing) -> None:
    name = unique("known")
    others = [importing.row(sku=f"{name}-{each}") for each in range(1500)]
    first = importing.row(sku=name)
    importing.done(importing.csv([first, *others]))
    assert counts(importing.done(importing.csv([{**first, "price": "7"}, *others, first]))) == (0, 2, 1500, 0)
    assert importing.product(name)["price"]["amount"] == 100
    assert [version for _, _, version in importing.events([name])] == [1, 2, 3]


def test_a_row_means_what_its_words_and_mapping_mean_now(importing: Importing, read: Reads, staff: str) -> None:
    name, slug = unique("known"), unique("c")
    category = good(call("POST", "/store/categories", {"name": "Сыры", "slug": slug}, token=staff), 201)
    text = importing.csv([importing.row(sku=name, category=slug)])
    importing.done(text)
    good(call("PATCH", f"/store/categories/{category['id']}", {"slug": unique("c")}, token=staff))
    assert counts(importing.done(text)) == (0, 0, 0, 1)
    other = good(call("POST", "/store/categories", {"name": "Сыры", "slug": slug}, token=staff), 201)
    assert counts(importing.done(text)) == (0, 1, 0, 0)
    assert importing.product(name)["category_id"] == other["id"]
    mapping = {"constants": {"status": "draft"}}
    assert counts(importing.done(text, mapping=mapping)) == (0, 1, 0, 0)
    assert importing.product(name)["status"] == "draft"
    read()
    assert counts(importing.done(text, mapping=mapping)) == (0, 0, 1, 0)
    assert read() == []


def test_a_dry_run_makes_nothing_known(importing: Importing) -> None:
    name = unique("known")
    text = importing.csv([importing.row(sku=name)])
    assert counts(importing.done(text, dry_run=True)) == (1, 0, 0, 0)
    assert counts(importing.done(text)) == (1, 0, 0, 0)
    other = importing.csv([importing.row(sku=name, price="7")])
    assert counts(importing.done(other, dry_run=True)) == (0, 1, 0, 0)
    assert counts(importing.done(other)) == (0, 1, 0, 0)
    assert importing.product(name)["price"]["amount"] == 7
