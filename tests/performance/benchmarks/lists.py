"""Lists of products in a shop of a million, against the same lists in one of a thousand; none reads all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from tests.performance.benchmarks.figures import Figure, in_turn, logs_in_a_file
from tests.performance.requests_of import Shop
from tests.performance.two_shops import at, two_shops

ROUNDS, BATCH, LIMIT = 60, 4, 50
DENSE, SPARSE = 1.5, 3
_ID = "0190{}-0000-7000-8000-{:012x}"
TOP, LEAF = UUID(_ID.format("aaaa", 5)), UUID(_ID.format("aaaa", 399))
FIRST, EMPTY = UUID(_ID.format("bbbb", 1)), UUID(_ID.format("bbbb", 3))
_middle = text(
    "SELECT id, name_key FROM store.products WHERE status = 'active' ORDER BY name_key, id"
    " OFFSET (SELECT count(*) / 2 FROM store.products) LIMIT 1"
)
_scans = text(
    "SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_xact_user_tables"
    " WHERE schemaname = 'store' AND relname IN ('products', 'stock', 'search_texts')"
)


def figures(stack: Mapping[str, Any], _shop: Shop) -> list[Figure]:
    """A figure for each list. Raises `AssertionError` where the million were read one after the other."""
    from eatit.database import Database
    from store.catalogue import product_by_id
    from store.listing import Filters, list_products

    # What is asked, its sort, and the aim; the first two are by themselves.
    kinds: list[tuple[str, Filters, str, float]] = [
        ("The first page", Filters(), "name", DENSE),
        ("… by price, falling", Filters(), "-price", DENSE),
        ("… by unit price", Filters(), "unit_price", DENSE),
        ("… the newest", Filters(), "-created_at", DENSE),
        ("A dense filter: in stock", Filters(in_stock=True), "name", DENSE),
        ("A dense filter: a warehouse", Filters(warehouse=FIRST), "name", DENSE),
        ("A dense filter: without milk", Filters(allergen_free=("milk",)), "name", DENSE),
        ("A category with descendants", Filters(category=TOP), "name", SPARSE),
        ("A sparse filter: a category of 1 in 400", Filters(category=LEAF), "name", SPARSE),
        ("A sparse filter: the dearest", Filters(min_price=20_900), "name", SPARSE),
        ("A sparse filter: an empty warehouse", Filters(warehouse=EMPTY), "name", SPARSE),
        ("A sparse filter: three words", Filters(q="халва ржаной ино"), "name", SPARSE),
        ("A filter that nothing passes: drafts", Filters(status="draft"), "name", SPARSE),
    ]
    with two_shops(stack) as urls, logs_in_a_file():
        shops = []
        for url in urls:
            with at(url):
                shops.append(Database("store"))
                shops[-1].read(text("SELECT 1"))
        try:
            middles = [shop.read(_middle).one() for shop in shops]
            by_id: list[Callable[[], Any]] = [
                lambda shop=shop, row=row: product_by_id(shop, row.id, staff=False)  # type: ignore[misc]
                for shop, row in zip(shops, middles, strict=True)
            ]
            told = [_figure("A product by its id", shops[1], by_id, DENSE)]
            deep = [_deep(shop, row) for shop, row in zip(shops, middles, strict=True)]
            told.append(_figure("A page deep in the list", shops[1], deep, DENSE))
            for name, filters, sort, aim in kinds:
                asked: list[Callable[[], Any]] = [
                    lambda shop=shop, f=filters, s=sort: list_products(shop, f, s, LIMIT, None)  # type: ignore[misc]
                    for shop in shops
                ]
                told.append(_figure(name, shops[1], asked, aim))
            return told
        finally:
            for shop in shops:
                shop.close()


def _deep(shop: Any, row: Any) -> Callable[[], Any]:
    from eatit.paging import make_cursor
    from store.listing import Filters, list_products

    cursor = make_cursor("name", Filters().as_given(), [row.name_key, row.id])
    return lambda: list_products(shop, Filters(), "name", LIMIT, cursor)


def _figure(name: str, many_shop: Any, asked: list[Callable[[], Any]], aim: float) -> Figure:
    few, many = asked

    def scanned(transaction: Any) -> int:
        many()
        return int(transaction.execute(_scans).scalar_one())

    assert many_shop.transaction(scanned) == 0, f"{name}: the million were read one after the other"
    ratio = in_turn(many, few, rounds=ROUNDS, batch=BATCH)
    return Figure(f"{name}, of 1,000,000", "of 1,000", ratio, aim)
