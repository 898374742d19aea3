"""Lists: pages by cursor with no row twice or missing, sorts, filters, and cursors that can't be read."""

import base64
import json
from typing import Any

import pytest

from tests.gateway.shop import Api, Keeper, faults, good, problem, unique

KEYS = {
    "name": lambda item: (item["name"].casefold().replace("ё", "е"), item["id"]),
    "price": lambda item: (item["price"]["amount"], item["id"]),
    "unit_price": lambda item: (item["unit_price"]["price"]["amount"], item["id"]),
}


@pytest.fixture(scope="module")
def shelf(keeper: Keeper) -> Any:
    """A category with twelve goods; names and prices repeat."""
    category = keeper.category()
    names = ["Ёлка", "ежевика", "Арбуз", "арбуз", "Яблоко", "Apple"] * 2
    for place, name in enumerate(names):
        keeper.product(
            category_id=category["id"],
            name=name,
            translations={},
            price={"amount": 100 * (place % 4), "currency": "RUB"},
            allergens=["milk", "nuts"][: place % 3],
        )
    return category["id"]


def walk(api: Api, path: str, **filters: Any) -> list[Any]:
    """All rows of a list, page by page."""
    rows: list[Any] = []
    cursor = None
    while True:
        page = good(api.get(path, params={**filters, **({"cursor": cursor} if cursor else {})}))
        assert set(page) == {"items", "next_cursor"}
        assert len(page["items"]) <= int(filters.get("limit", 20))
        assert not {row["id"] for row in rows} & {row["id"] for row in page["items"]}
        rows += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows


@pytest.mark.parametrize("limit", [1, 5, 12, 100])
@pytest.mark.parametrize("sort", ["name", "price", "-price", "unit_price", "-created_at"])
def test_pages_hold_every_row_once_and_in_order(api: Api, shelf: str, sort: str, limit: int) -> None:
    rows = walk(api, "/store/products", category=shelf, sort=sort, limit=limit)
    assert len({row["id"] for row in rows}) == len(rows) == 12
    if key := KEYS.get(sort.removeprefix("-")):
        assert [key(row) for row in rows] == sorted((key(row) for row in rows), reverse=sort.startswith("-"))
    else:
        assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)


def test_a_list_is_by_name_and_twenty_long_unless_told_otherwise(api: Api, shelf: str) -> None:
    assert good(api.get("/store/products", params={"category": shelf})) == good(
        api.get("/store/products", params={"category": shelf, "sort": "name", "limit": 20})
    )
    assert len(good(api.get("/store/products"))["items"]) == 20


def test_no_row_is_missing_or_twice_while_rows_are_added(api: Api, keeper: Keeper) -> None:
    category = keeper.category()["id"]
    before = {keeper.product(category_id=category, name=f"м{place}")["id"] for place in range(6)}
    seen: list[str] = []
    cursor, place = None, 0
    while True:
        page = good(
            api.get(
                "/store/products",
                params={"category": category, "limit": 2, **({"cursor": cursor} if cursor else {})},
            )
        )
        seen += [item["id"] for item in page["items"]]
        assert len(seen) == len(set(seen))
        cursor, place = page["next_cursor"], place + 1
        if cursor is None:
            break
        if place > 5:
            continue
        # One before where we are, one after it.
        keeper.product(category_id=category, name=f"а{place}")
        keeper.product(category_id=category, name=f"м0{place}")
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def test_units_are_paged_by_code(api: Api, keeper: Keeper) -> None:
    made = {keeper.unit(code=unique("U"))["id"] for _ in range(5)}
    rows = walk(api, "/store/units", limit=3)
    codes = [row["code"] for row in rows]
    assert codes == sorted(codes)
    assert len(set(codes)) == len(codes)
    assert made <= {row["id"] for row in rows}


@pytest.mark.parametrize("path", ["/store/products", "/store/units"])
@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "!!!",
        "a",
        "",
        base64.urlsafe_b64encode(b"[]").decode(),
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b'["name","x",[1,2]]').decode(),
        base64.urlsafe_b64encode(json.dumps(["name", "x", ["a", "b"]]).encode()).decode(),
        "я",
    ],
)
def test_an_unreadable_cursor_is_422(api: Api, path: str, cursor: str) -> None:
    problem(api.get(path, params={"cursor": cursor}), 422, "invalid_cursor")


def test_a_cursor_holds_for_its_own_list_alone(api: Api, shelf: str) -> None:
    cursor = good(api.get("/store/products", params={"category": shelf, "limit": 2}))["next_cursor"]
    for other in (
        {"category": shelf, "sort": "price"},
        {"category": shelf, "in_stock": "false"},
        {"category": shelf, "q": "а"},
        {},
    ):
        problem(api.get("/store/products", params={**other, "cursor": cursor}), 422, "invalid_cursor")
    problem(api.get("/store/units", params={"cursor": cursor}), 422, "invalid_cursor")
    # Another limit is the same list.
    good(api.get("/store/products", params={"category": shelf, "limit": 50, "cursor": cursor}))


@pytest.mark.parametrize("path", ["/store/products", "/store/units"])
@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5", ""])
def test_a_limit_out_of_bounds_is_422(api: Api, path: str, limit: str) -> None:
    refused = faults(api.get(path, params={"limit": limit}), code="invalid_parameter")
    assert {pointer for pointer, _ in refused} == {"/limit"}


def test_filters_narrow_together(api: Api, shelf: str) -> None:
    def found(**filters: Any) -> list[Any]:
        return walk(api, "/store/products", category=shelf, **filters)

    assert {item["price"]["amount"] for item in found(min_price=100, max_price=200)} == {100, 200}
    assert all("milk" not in item["allergens"] for item in found(allergen_free="milk"))
    assert len(found(allergen_free="milk")) == 4
    assert len(found(allergen_free="nuts,eggs")) == 8
    assert len(found(allergen_free=["milk", "eggs"])) == 4
    assert found(in_stock="true") == []
    assert len(found(in_stock="false")) == 12
    assert {item["name"] for item in found(q="АРБ")} == {"Арбуз", "арбуз"}
    assert {item["name"] for item in found(q="елка")} == {"Ёлка"}
    assert found(q="100%") == []
    assert found(min_price=200, max_price=100) == []


def test_demo_goods_are_in_stock_somewhere(api: Api) -> None:
    rows = good(api.get("/store/products", params={"in_stock": "true", "limit": 100}))["items"]
    assert rows
    assert all(row["available"] is True for row in rows)
