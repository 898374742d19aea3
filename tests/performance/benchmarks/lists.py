"""Lists of products in a shop of a million, against the same lists in one of a thousand; none reads all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from tests.performance.benchmarks.figures import Figure, in_turn, logs_in_a_file, processor_seconds
from tests.performance.requests_of import Shop
from tests.performance.two_shops import at, two_shops

ROUNDS, BATCH, LIMIT = 60, 4, 50
DENSE, SPARSE = 1.5, 3
# What is far away is measured by one look at every name's entry in its index: no list may take many of these.
FAR_ROUNDS, FAR = 9, 15
PATIENT_SECONDS = 60
_ID = "0190{}-0000-7000-8000-{:012x}"
TOP, LEAF = UUID(_ID.format("aaaa", 5)), UUID(_ID.format("aaaa", 399))
FIRST, EMPTY = UUID(_ID.format("bbbb", 1)), UUID(_ID.format("bbbb", 3))
_middle = text(
    "SELECT id, name_key FROM store.products WHERE status = 'active' ORDER BY name_key, id"
    " OFFSET (SELECT count(*) / 2 FROM store.products) LIMIT 1"
)
_all_names = text("SELECT count(*) FROM store.products WHERE status = 'active'")
# Nearly three in ten names begin with one of these, none of them before the letter р.
LATE = "сыр or сок or соль or сахар or рис or чай or шоколад or сметана or творог or хлеб"
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
    # Where all that passes stands far away in the order asked for, or nothing passes two filters that are dense alone.
    far: list[tuple[str, Filters, str]] = [
        ("Every eighth name, far down the alphabet", Filters(q="молоко"), "name"),
        ("… in stock, in a category", Filters(q="молоко", category=TOP, in_stock=True), "name"),
        ("… by unit price, the dearest alone", Filters(q="молоко", min_price=15_000), "unit_price"),
        ("Three in ten names, the last of the alphabet", Filters(q=LATE), "name"),
        ("… in stock", Filters(q=LATE, in_stock=True), "name"),
        ("The dearest of what is archived, by unit price", Filters(status="archived", min_price=15_000), "unit_price"),
        ("Of a warehouse, but not in stock", Filters(warehouse=FIRST, in_stock=False), "name"),
        ("… by price", Filters(warehouse=FIRST, in_stock=False), "-price"),
        (
            "… the newest, without milk",
            Filters(warehouse=FIRST, in_stock=False, allergen_free=("milk",)),
            "-created_at",
        ),
    ]
    with two_shops(stack) as urls, logs_in_a_file():
        shops = []
        for url in urls:
            with at(url):
                shops.append(Database("store", silent_seconds=PATIENT_SECONDS))
                # However busy the machine: what is told is how long things took, not that they met the limit.
                shops[-1].read(text(f"SET statement_timeout = '{PATIENT_SECONDS}s'"))
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
            return told + [_far(name, shops[1], filters, sort) for name, filters, sort in far]
        finally:
            for shop in shops:
                shop.close()


def _deep(shop: Any, row: Any) -> Callable[[], Any]:
    from eatit.paging import make_cursor
    from store.listing import Filters, list_products

    cursor = make_cursor("name", Filters().as_given(), [row.name_key, row.id])
    return lambda: list_products(shop, Filters(), "name", LIMIT, cursor)


def _far(name: str, shop: Any, filters: Any, sort: str) -> Figure:
    """What is asked, against a peer that grows with the shop too."""
    from store.listing import list_products

    backend = shop.read(text("SELECT pg_backend_pid()")).scalar_one()
    times: list[float] = []
    spent: list[float] = []
    short = 0

    def ask() -> None:
        nonlocal short
        before, begun = processor_seconds(backend), time.perf_counter()
        rows, cursor = list_products(shop, filters, sort, LIMIT, None)
        times.append((time.perf_counter() - begun) * 1000)
        spent.append((processor_seconds(backend) - before) * 1000)
        short = len(rows) if len(rows) < LIMIT and cursor is not None else LIMIT

    _scans_nothing(name, shop, ask)
    ratio = in_turn(ask, lambda: shop.read(_all_names).scalar_one(), rounds=FAR_ROUNDS, batch=1)
    told = f"at most {max(times):.0f} ms, {max(spent):.0f} of processor" + (
        "" if short == LIMIT else f"; a short page, of {short}"
    )
    return Figure(f"{name}, of 1,000,000", "counting all names by their index", ratio, FAR, told)


def _figure(name: str, many_shop: Any, asked: list[Callable[[], Any]], aim: float) -> Figure:
    few, many = asked
    _scans_nothing(name, many_shop, many)
    ratio = in_turn(many, few, rounds=ROUNDS, batch=BATCH)
    return Figure(f"{name}, of 1,000,000", "of 1,000", ratio, aim)


def _scans_nothing(name: str, shop: Any, call: Callable[[], Any]) -> None:
    def scanned(transaction: Any) -> int:
        call()
        return int(transaction.execute(_scans).scalar_one())

    assert shop.transaction(scanned) == 0, f"{name}: the million were read one after the other"
