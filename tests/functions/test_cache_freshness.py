"""What is kept ready is fresh with the next read after any write, and answers as what wasn't kept does."""

from typing import Any

import pytest

from store.fresh import page_key
from store.listing import Filters
from tests.functions.calls import Answer, call, good, product, unique, unit


def _page(thing: Any, query: str = "") -> Any:
    return good(call("GET", f"/store/products?category={thing['category_id']}{query}"))["items"]


def _warehouse(token: str, **given: Any) -> Any:
    body = {"code": unique("w"), "name": "Склад", "address": "Тверская, 1", **given}
    return good(call("POST", "/store/warehouses", body, token=token), 201)


def _receive(thing: Any, place: Any, token: str) -> None:
    body = {"kind": "receive", "product_id": thing["id"], "warehouse_id": place["id"], "quantity": "5", "reason": "x"}
    good(call("POST", "/store/stock/movements", body, token=token), 201)


@pytest.mark.parametrize("path", ["/store/products/{id}", "/store/products?category={category_id}"])
def test_buyers_are_answered_from_the_cache_and_staff_from_the_database(staff: str, sql: Any, path: str) -> None:
    thing = product(staff)
    asked = path.format(**thing)
    before = good(call("GET", asked))
    behind = "UPDATE store.products SET name = 'behind the back', name_key = 'behind the back' WHERE id = %s"
    sql.execute(behind, [thing["id"]])
    assert good(call("GET", asked)) == before
    assert "behind the back" in call("GET", asked, token=staff).content.decode()


@pytest.mark.parametrize("path", ["/store/categories", "/store/units?limit=100", "/store/warehouses?limit=100"])
def test_so_are_constants(staff: str, sql: Any, path: str) -> None:
    table = path.removeprefix("/store/").partition("?")[0]
    kept, place = unit(staff, code=unique("0")), _warehouse(staff, code=unique("0"))
    for _ in range(2):
        good(call("GET", path))
    before = call("GET", path).content
    sql.execute(f"UPDATE store.{table} SET version = version + 1 WHERE id = (SELECT id FROM store.{table} LIMIT 1)")
    assert call("GET", path).content == before
    good(call("PATCH", f"/store/units/{kept['id']}", {"name": "фунт"}, token=staff))
    good(call("PATCH", f"/store/warehouses/{place['id']}", {"name": "Дальний"}, token=staff))
    good(call("POST", "/store/categories", {"name": "Новая", "slug": unique("c")}, token=staff), 201)
    assert call("GET", path).content != before


def test_a_page_has_the_next_product_at_once(staff: str) -> None:
    thing = product(staff)
    assert len(_page(thing)) == 1
    other = product(staff, category_id=thing["category_id"], unit_id=thing["unit_id"])
    assert {item["id"] for item in _page(thing)} == {thing["id"], other["id"]}
    good(call("DELETE", f"/store/products/{other['id']}", token=staff), 204)
    assert [item["id"] for item in _page(thing)] == [thing["id"]]


def test_what_moves_under_a_category_is_in_its_page_at_once(staff: str) -> None:
    thing = product(staff)
    top = good(call("POST", "/store/categories", {"name": "Верх", "slug": unique("c")}, token=staff), 201)
    assert _page({"category_id": top["id"]}) == []
    good(call("PATCH", f"/store/categories/{thing['category_id']}", {"parent_id": top["id"]}, token=staff))
    assert [item["id"] for item in _page({"category_id": top["id"]})] == [thing["id"]]


def test_a_movement_and_a_closed_warehouse_are_seen_at_once(staff: str) -> None:
    thing, place = product(staff), _warehouse(staff)

    def available() -> tuple[bool, bool, int]:
        page, filtered = _page(thing), _page(thing, "&in_stock=true")
        return good(call("GET", f"/store/products/{thing['id']}"))["available"], page[0]["available"], len(filtered)

    assert available() == (False, False, 0)
    _receive(thing, place, staff)
    assert available() == (True, True, 1)
    good(call("PATCH", f"/store/warehouses/{place['id']}", {"active": False}, token=staff))
    assert available() == (False, False, 0)
    listed = good(call("GET", "/store/warehouses?limit=100"))["items"]
    assert place["id"] not in {item["id"] for item in listed}


@pytest.mark.parametrize(
    "path", ["/store/products/{id}", "/store/categories", "/store/units", "/store/warehouses", "/store/products"]
)
@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_kept_answer_is_the_first_one_again(staff: str, path: str, language: str) -> None:
    thing = product(staff, translations={"en": {"name": "Cheese"}})
    _warehouse(staff)
    asked = path.format(**thing)

    def ask(**headers: str) -> Answer:
        return call("GET", asked, headers={"Accept-Language": language, **headers})

    first, second = ask(), ask()
    for answer in (first, second):
        assert answer.status == 200
        assert answer.headers["content-language"] == language
        assert answer.headers["vary"].startswith("Accept-Language, Authorization")
        assert answer.headers["cache-control"] == "no-cache"
        answer.headers.pop("x-request-id")
    assert first == second
    if path != "/store/products":  # lists of what changes have no ETag
        again = ask(**{"If-None-Match": f"W/{second.headers['etag']}"})
        assert (again.status, again.content, again.headers["etag"]) == (304, b"", second.headers["etag"])
        assert again.headers["vary"].startswith("Accept-Language, Authorization")


def test_languages_and_filters_dont_meet(staff: str) -> None:
    thing = product(staff, name="Сыр", translations={"en": {"name": "Cheese"}})
    for language, name in (("ru", "Сыр"), ("en", "Cheese")) * 2:
        headers = {"Accept-Language": language}
        for path in (f"/store/products?category={thing['category_id']}&sort=price", f"/store/products/{thing['id']}"):
            assert name in call("GET", path, headers=headers).content.decode()
    assert _page(thing, "&in_stock=true") == []
    assert len(_page(thing, "&in_stock=false")) == 1
    assert len(_page(thing)) == 1


def test_what_is_typed_in_makes_no_keys() -> None:
    assert page_key(Filters(), "name", 20, "ru") is not None
    for filters in (Filters(q="сыр"), Filters(min_price=0), Filters(max_price=5), Filters(allergen_free=("milk",))):
        assert page_key(filters, "name", 20, "ru") is None
    assert page_key(Filters(), "name", 7, "ru") is None
    keys = {
        page_key(Filters(in_stock=given), sort, 20, "ru") for given in (None, True, False) for sort in ("name", "x")
    }
    assert len(keys) == 6
