"""Lists however their pages are found: among the nearest rows, among few that pass a filter, or a range at a time."""

import random
import uuid
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.functions.calls import call, good, unique

COUNT = 240
ALL = 10**9
# What is tried, and how far, in place of what suits a million.
WAYS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "by few": {"NEAREST": 1, "FEW": ALL, "FEW_NAMED": ALL},
    "by ranges": {"NEAREST": 3, "FEW": 0, "FEW_NAMED": 0, "MANY": 0, "MANY_NAMED": 0, "RANGES": (100, 300)},
    "by few after ranges": {
        "NEAREST": 3,
        "FEW": 9,
        "FEW_NAMED": 0,
        "MANY": 150,
        "MANY_NAMED": 20,
        "RANGES": (100, 300),
    },
    "impatient": {"NEAREST": 30, "FEW": 0, "FEW_NAMED": 0, "MANY_NAMED": 0, "RANGES": (300,) * 9, "PATIENCE": -1.0},
}
SORTS = {
    "name": "name_key, id",
    "price": "price_amount, id",
    "-price": "price_amount DESC, id DESC",
    "unit_price": "unit_price_amount, id",
    "-created_at": "created_at DESC, id DESC",
}
_products = """
    INSERT INTO store.products (id, sku, name, name_key, category_id, unit_id, pack_size, quantity_step, min_quantity,
        price_amount, currency, sold_by, unit_price_amount, unit_price_per, allergens, status, created_at)
    SELECT events.new_id(), %(mark)s::text || gen_random_uuid(), name, lower(name),
        (%(categories)s::uuid[])[1 + n %% 3], (SELECT id FROM store.units LIMIT 1), 1, 1, 1, 100 * (n %% 17), 'RUB',
        'piece', 100 * (n %% 13), 'kg',
        CASE n %% 4 WHEN 0 THEN ARRAY['milk'] WHEN 1 THEN ARRAY['milk', 'nuts'] ELSE '{}' END,
        (ARRAY['active', 'active', 'active', 'draft', 'archived'])[1 + n %% 5],
        timestamptz '2026-01-01' + (n %% 11) * interval '1 day'
    FROM generate_series(1, %(count)s::int) n,
        concat_ws(' ', chr(1072 + n %% 29), %(mark)s::text, CASE WHEN n > %(count)s::int * 4 / 5 THEN 'поздний' END)
            AS name
"""
_stock = """
    INSERT INTO store.stock (product_id, warehouse_id, on_hand, reserved)
    SELECT p.id, w.id, w.n, least(w.n, p.price_amount / 100 %% 3) FROM store.products p,
        unnest(%(warehouses)s::uuid[]) WITH ORDINALITY AS w (id, n)
    WHERE p.sku LIKE %(mark)s::text || '%%' AND p.price_amount %% 500 <> 0
"""


class Shelf:
    """Goods that differ in all that lists are narrowed and sorted by, in three categories, one above another."""

    def __init__(self, sql: "psycopg.Connection[Any]", token: str) -> None:
        self._sql = sql
        self.mark = "".join(chr(1072 + int(digit, 16)) for digit in uuid.uuid4().hex[:8])
        self.categories: list[str] = []
        for above in (None, 0, None):
            body: dict[str, Any] = {
                "name": "Раздел",
                "slug": unique("c"),
                "parent_id": None if above is None else self.categories[0],
            }
            self.categories.append(good(call("POST", "/store/categories", body, token=token), 201)["id"])
        self.warehouses = []
        for open_ in (True, True, False):
            body = {"code": unique("w"), "name": "Склад", "address": "Тверская", "active": open_}
            self.warehouses.append(good(call("POST", "/store/warehouses", body, token=token), 201)["id"])
        self.add(COUNT)
        sql.execute(_stock, {"warehouses": self.warehouses, "mark": self.mark})

    def add(self, count: int) -> None:
        """Add goods in all places of every order."""
        self._sql.execute(_products, {"mark": self.mark, "count": count, "categories": self.categories})

    def expected(self, filters: Any, sort: str) -> list[UUID]:
        """What passes, asked for in the plainest way."""
        at = "SELECT FROM store.stock s WHERE s.product_id = p.id AND s.on_hand > s.reserved"
        below = self.categories[:2] if str(filters.category) == self.categories[0] else [str(filters.category)]
        somewhere = f"EXISTS ({at} AND s.warehouse_id IN (SELECT id FROM store.warehouses WHERE active))"
        wanted: dict[str, Any] = {
            "status": filters.status and "status = %(status)s",
            "category": filters.category and "category_id = ANY (%(below)s::uuid[])",
            "min_price": filters.min_price is not None and "price_amount >= %(min_price)s",
            "max_price": filters.max_price is not None and "price_amount <= %(max_price)s",
            "warehouse": filters.warehouse and f"EXISTS ({at} AND s.warehouse_id = %(warehouse)s)",
            "in_stock": filters.in_stock is not None and f"{somewhere} = %(in_stock)s",
            "allergens": filters.allergen_free and "NOT allergens && %(allergen_free)s::text[]",
            "q": filters.q and "name_key LIKE ALL (SELECT '%%' || w || '%%' FROM string_to_table(%(q)s, ' ') w)",
        }
        where = " AND ".join(["true", *(condition for condition in wanted.values() if condition)])
        asked = f"SELECT id FROM store.products p WHERE {where} ORDER BY {SORTS[sort]}"
        given = {**filters.as_given(), "allergen_free": list(filters.allergen_free), "below": below}
        return [row[0] for row in self._sql.execute(asked.encode(), given)]

    def combinations(self, count: int) -> Iterator[Any]:
        """Filters of all sorts, together with others."""
        from store.listing import Filters

        draw = random.Random(7)
        for _ in range(count):
            price = draw.choice([None, None, 300])
            category = draw.choice([None, *self.categories])
            warehouse = draw.choice([None, None, *self.warehouses])
            yield Filters(
                category=None if category is None else UUID(category),
                warehouse=None if warehouse is None else UUID(warehouse),
                min_price=price,
                max_price=draw.choice([None, 1200]) if price else None,
                in_stock=draw.choice([None, None, True, False]),
                allergen_free=draw.choice([(), ("milk",), ("eggs", "nuts")]),
                status=draw.choice(["active", "active", "draft", None]),
                q=draw.choice([self.mark, f"{self.mark} поздний"])
                if category is None
                else draw.choice([None, "поздний"]),
            )


@pytest.fixture
def shelf(sql: Any, staff: str) -> Shelf:
    return Shelf(sql, staff)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    from store import listing

    for name, value in {"PATIENCE": 60.0, **WAYS[request.param]}.items():
        monkeypatch.setattr(listing, name, value)
    return str(request.param)


def pages(filters: Any, sort: str, limit: int) -> Iterator[list[UUID]]:
    """The ids of a list, page by page."""
    from store.database import database
    from store.listing import list_products

    cursor = None
    while True:
        rows, cursor = list_products(database, filters, sort, limit, cursor)
        assert len(rows) <= limit
        yield [row.id for row in rows]
        if cursor is None:
            return


def test_every_combination_gives_what_passes_in_order(shelf: Shelf, way: str) -> None:
    for place, filters in enumerate(shelf.combinations(15)):
        sort = list(SORTS)[place % 5]
        found = list(pages(filters, sort, 9))
        assert [row for page in found for row in page] == shelf.expected(filters, sort), (filters, sort)
        if "impatient" not in way:
            assert all(len(page) == 9 for page in found[:-1]), (filters, sort)


@pytest.mark.parametrize("sort", SORTS)
def test_the_last_row_of_a_range_is_of_the_page(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, sort: str) -> None:
    from store import listing

    for name, value in {**WAYS["by ranges"], "RANGES": (5, 7), "PATIENCE": 60.0}.items():
        monkeypatch.setattr(listing, name, value)
    category = UUID(shelf.categories[2])
    # By name the category's own index is walked, so that most rows pass; by others all that is as dear.
    filters = listing.Filters(category=category, allergen_free=("eggs",), min_price=300, max_price=1200)
    found = [row for page in pages(filters, sort, 9) for row in page]
    assert found == shelf.expected(filters, sort)
    assert len(found) > 20


def test_an_impatient_walk_gives_short_pages_and_goes_on(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    from store import listing

    for name, value in {**WAYS["impatient"], "NEAREST": 3}.items():
        monkeypatch.setattr(listing, name, value)
    filters = listing.Filters(allergen_free=("milk",), q=f"{shelf.mark} поздний")
    for sort in SORTS:
        found = list(pages(filters, sort, 20))
        assert any(len(page) < 20 for page in found[:-1]), sort
        assert [row for page in found for row in page] == shelf.expected(filters, sort)


@pytest.mark.parametrize("sort", ["name", "-price"])
def test_no_row_is_missing_or_twice_while_rows_are_added(shelf: Shelf, way: str, sort: str) -> None:
    from store.listing import Filters

    filters = Filters(category=UUID(shelf.categories[0]), allergen_free=("nuts",), in_stock=False)
    before, seen = shelf.expected(filters, sort), []
    for page in pages(filters, sort, 5):
        seen += page
        if len(seen) < 60:
            shelf.add(10)
    assert len(seen) == len(set(seen))
    assert [row for row in seen if row in set(before)] == before
