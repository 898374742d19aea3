"""What an import works out beforehand, of goods that nobody holds: good only while they stand as they were seen."""

from collections.abc import Callable
from typing import Any

import pytest

from eatit.errors import Unavailable
from store import import_prepared, import_turn
from tests.functions.calls import call, good, unique
from tests.functions.goods_files import Importing, gtin, refused


@pytest.fixture
def importing(staff: str, sql: Any) -> Importing:
    return Importing(staff, sql)


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were worked out once more, under locks, each time that it was done."""
    counted: list[int] = []

    def noted(look: Any, rows: Any, **given: Any) -> Any:
        counted.append(len(rows))
        return import_prepared.prepare(look, rows, **given)

    monkeypatch.setattr("store.import_upsert.prepare", noted)
    return counted


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Something to be done when a chunk has been worked out and isn't written yet."""
    commit = import_turn._commit

    def do(change: Callable[[], Any]) -> None:
        def crossed(*given: Any) -> None:
            change()
            commit(*given)

        monkeypatch.setattr(import_turn, "_commit", crossed)

    return do


def counts(run: Any) -> tuple[int, int, int, int]:
    return run["created"], run["updated"], run["unchanged"], run["failed"]


def test_goods_that_nobody_touches_are_worked_out_once(importing: Importing, again: list[int]) -> None:
    name = unique("ahead")
    rows = [importing.row(sku=f"{name}-{each}") for each in range(1_100)]
    assert counts(importing.done(importing.csv(rows))) == (1_100, 0, 0, 0)
    dearer = [{**row, "price": "7"} for row in rows]
    assert counts(importing.done(importing.csv(dearer), dry_run=True)) == (0, 1_100, 0, 0)
    assert counts(importing.done(importing.csv(dearer))) == (0, 1_100, 0, 0)
    assert again == []


def test_a_chunk_sees_what_the_one_before_it_left(importing: Importing, again: list[int]) -> None:
    name, barcode = unique("ahead"), gtin()
    others = [importing.row(sku=f"{name}-{each}", barcode="") for each in range(999)]
    first = importing.row(sku=name, barcode=barcode)
    text = importing.csv([first, *others, {**first, "price": "7"}, importing.row(sku=unique("ahead"), barcode=barcode)])
    run = importing.done(text)
    assert counts(run) == (1_000, 1, 0, 1)
    assert refused(run) == {(1_003, "barcode", "barcode_taken")}
    assert importing.product(name)["price"]["amount"] == 7
    assert again == [2]


def test_a_change_in_between_is_not_undone(
    importing: Importing, between: Callable[..., None], again: list[int], staff: str
) -> None:
    name = unique("ahead")
    importing.done(importing.csv([importing.row(sku=name)]))
    product_id = importing.product(name)["id"]
    between(lambda: good(call("PATCH", f"/store/products/{product_id}", {"name": "Иначе"}, token=staff)))
    assert counts(importing.done(importing.csv([{"sku": name, "price": "7"}]))) == (0, 1, 0, 0)
    product = importing.product(name)
    assert (product["name"], product["price"]["amount"], product["version"]) == ("Иначе", 7, 3)
    assert again == [1]


def test_a_product_made_in_between_is_changed(importing: Importing, between: Callable[..., None], staff: str) -> None:
    name, other = unique("ahead"), unique("ahead")
    importing.done(importing.csv([importing.row(sku=other)]))
    model = importing.product(other)
    fields = ("price", "sold_by", "category_id", "unit_id")
    body = {"sku": name, "name": "Раньше", **{field: model[field] for field in fields}}
    between(lambda: good(call("POST", "/store/products", body, token=staff), 201))
    assert counts(importing.done(importing.csv([importing.row(sku=name)]))) == (0, 1, 0, 0)
    assert importing.product(name)["name"] == "Сыр"


def test_a_barcode_taken_in_between_is_refused(importing: Importing, between: Callable[..., None], staff: str) -> None:
    name, barcode = unique("ahead"), gtin()
    importing.done(importing.csv([importing.row(sku=name)]))
    product_id = importing.product(name)["id"]
    between(lambda: good(call("PATCH", f"/store/products/{product_id}", {"barcode": barcode}, token=staff)))
    run = importing.done(importing.csv([importing.row(sku=unique("ahead"), barcode=barcode)]))
    assert counts(run) == (0, 0, 0, 1)
    assert refused(run) == {(2, "barcode", "barcode_taken")}


def test_a_slug_that_means_another_category_by_then_means_that(
    importing: Importing, between: Callable[..., None], staff: str
) -> None:
    name, slug = unique("ahead"), unique("c")
    first = good(call("POST", "/store/categories", {"name": "Сыры", "slug": slug}, token=staff), 201)
    other = good(call("POST", "/store/categories", {"name": "Иное", "slug": unique("c")}, token=staff), 201)

    def swap() -> None:
        good(call("PATCH", f"/store/categories/{first['id']}", {"slug": unique("c")}, token=staff))
        good(call("PATCH", f"/store/categories/{other['id']}", {"slug": slug}, token=staff))

    between(swap)
    assert counts(importing.done(importing.csv([importing.row(sku=name, category=slug)]))) == (1, 0, 0, 0)
    assert importing.product(name)["category_id"] == other["id"]


def test_a_category_gone_by_then_is_the_rows_fault(
    importing: Importing, between: Callable[..., None], staff: str
) -> None:
    slug = unique("c")
    category = good(call("POST", "/store/categories", {"name": "Сыры", "slug": slug}, token=staff), 201)
    between(lambda: good(call("DELETE", f"/store/categories/{category['id']}", token=staff), 204))
    run = importing.done(importing.csv([importing.row(sku=unique("ahead"), category=slug)]))
    assert refused(run) == {(2, "category", "unknown_reference")}


def test_where_nothing_can_be_looked_at_beforehand_it_is_worked_out_under_locks(
    importing: Importing, again: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any, **__: Any) -> Any:
        raise Unavailable(what="database")

    monkeypatch.setattr("store.import_chunks.prepare", busy)
    assert counts(importing.done(importing.csv([importing.row(sku=unique("ahead"))]))) == (1, 0, 0, 0)
    assert again == [1]
