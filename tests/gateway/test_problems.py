"""Errors as the contract has them: problem details in both languages, unknown paths, wrong methods, at every door."""

import re
from typing import Any

import pytest

from tests.gateway.shop import Api, faults, problem

GROUPS = ("auth", "store", "basket")
ROUTES = {
    "/auth/register": {"POST"},
    "/auth/login": {"POST"},
    "/auth/refresh": {"POST"},
    "/auth/me": {"GET", "PATCH"},
    "/auth/.well-known/jwks.json": {"GET"},
    "/store/units": {"GET", "POST"},
    "/store/units/019aa7c0-0000-7000-8000-000000000001": {"GET", "PATCH", "DELETE"},
    "/store/categories": {"GET", "POST"},
    "/store/categories/019aa7c0-0000-7000-8000-000000000001": {"GET", "PATCH", "DELETE"},
    "/store/products": {"GET", "POST"},
    "/store/products/019aa7c0-0000-7000-8000-000000000001": {"GET", "PATCH", "DELETE"},
    "/basket": {"GET", "DELETE"},
    "/basket/items": {"POST"},
    "/basket/items/019aa7c0-0000-7000-8000-000000000001": {"PATCH", "DELETE"},
    **{f"/{group}/health": {"GET"} for group in GROUPS},
    **{f"/{group}/docs": {"GET"} for group in GROUPS},
    **{f"/{group}/openapi.json": {"GET"} for group in GROUPS},
}
UNKNOWN = [f"/{group}/nothing/here" for group in GROUPS] + [
    "/",
    "/nothing",
    "/auth",
    "/authx/me",
    "/store",
    "/basketx",
    "/favicon.ico",
    "/auth/",
    "/basket/",
    "/store/units/",
    "/store/products/not-an-id",
    "/store/products/019aa7c0-0000-7000-8000-00000000000",
]


@pytest.mark.parametrize("path", UNKNOWN)
def test_an_unknown_path_is_404_in_the_one_shape(api: Api, path: str) -> None:
    assert problem(api.get(path), 404, "not_found")["instance"] == path


@pytest.mark.parametrize("path", ROUTES)
def test_a_wrong_method_is_405_and_names_the_right_ones(api: Api, path: str) -> None:
    allowed = ROUTES[path] | {"OPTIONS"} | ({"HEAD"} if "GET" in ROUTES[path] else set())
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} - allowed:
        answer = api.call(method, path)
        assert answer.status_code == 405, (method, path)
        assert set(answer.headers["Allow"].split(", ")) == allowed
        if method != "HEAD":
            assert problem(answer, 405, "method_not_allowed")["instance"] == path


def test_a_method_of_no_group_is_405_from_the_edge(api: Api) -> None:
    answer = api.call("PROPFIND", "/store/products")
    problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/store/nothing", "/nothing"])
@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "en"),
        ("ru", "ru"),
        ("en", "en"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("en-GB,ru;q=0.5", "en"),
        ("de", "en"),
        ("de,ru;q=0.1", "ru"),
        ("en;q=0.2,ru;q=0.9", "ru"),
        ("*", "en"),
        ("ru;q=nonsense", "en"),
    ],
)
def test_problems_are_told_in_the_callers_language(api: Api, path: str, accepted: str | None, language: str) -> None:
    answer = api.get(path, headers={"Accept-Language": accepted} if accepted else {})
    body = problem(answer, 404, "not_found")
    assert answer.headers["Content-Language"] == language
    assert bool(re.search("[а-яё]", body["title"])) == (language == "ru")
    assert bool(re.search("[а-яё]", body["detail"])) == (language == "ru")


def test_all_faults_of_a_body_are_told_at_once_and_in_both_languages(api: Api, staff: str) -> None:
    body: dict[str, Any] = {
        "sku": "bad sku",
        "name": "",
        "colour": "red",
        "category_id": "x",
        "price": {"amount": -1, "currency": "USD"},
        "sold_by": "metre",
        "quantity_step": "0.0001",
        "nutrition": {"fat_g": 101},
        "barcode": "4006381333932",
    }
    refused = api.post("/store/products", body, token=staff)
    found = faults(refused)
    assert found == {
        ("/sku", "wrong_form"),
        ("/name", "wrong_length"),
        ("/colour", "unknown_field"),
        ("/category_id", "wrong_form"),
        ("/unit_id", "missing"),
        ("/price/amount", "out_of_range"),
        ("/price/currency", "wrong_currency"),
        ("/sold_by", "not_one_of"),
        ("/quantity_step", "too_many_places"),
        ("/nutrition/fat_g", "out_of_range"),
        ("/barcode", "wrong_check_digit"),
    }
    russian = api.post("/store/products", body, token=staff, headers={"Accept-Language": "ru"})
    assert faults(russian) == found
    assert all(re.search("[а-яё]", fault["detail"]) for fault in russian.json()["errors"])


def test_a_pointer_escapes_what_json_pointers_escape(api: Api) -> None:
    assert ("/a~1b~0c", "unknown_field") in faults(api.post("/auth/login", {"a/b~c": 1}))


def test_a_bad_parameter_is_422_with_its_place(api: Api) -> None:
    answer = api.get("/store/products", params={"min_price": "-1", "sort": "colour", "category": "x"})
    assert faults(answer, code="invalid_parameter") == {
        ("/min_price", "out_of_range"),
        ("/sort", "not_one_of"),
        ("/category", "wrong_form"),
    }
    problem(api.get("/store/products", params={"allergen_free": "milk,stones"}), 422, "invalid_parameter")
    problem(api.get("/store/products", params={"q": "\0"}), 422, "invalid_parameter")
    problem(api.get("/store/products", params={"q": "x" * 501}), 422, "invalid_parameter")


def test_a_problem_tells_no_internals(api: Api) -> None:
    for answer in (api.get("/store/nothing"), api.post("/auth/login", {"email": 1})):
        assert not re.search(r"Traceback|pydantic|psycopg|\.py", answer.text)
