"""Bodies are read strictly: what isn't JSON is 400, what isn't the shape is 422, and nothing is half done."""

import json
from typing import Any

import pytest

from tests.gateway.conftest import PASSWORD
from tests.gateway.shop import Api, Keeper, faults, good, problem, unique

JSON = {"Content-Type": "application/json"}
ITEM = '{{"product_id": "{id}", "quantity": {quantity}}}'
NOT_JSON = {
    "a word": b"hello",
    "cut": b'{"email": "a@example.org"',
    "two values": b"{}{}",
    "single quotes": b"{'email': 1}",
    "a comment": b'{"email": 1} // no',
    "a trailing comma": b'{"email": 1,}',
    "NaN": b'{"email": NaN}',
    "Infinity": b'{"email": Infinity}',
    "-Infinity": b'{"email": -Infinity}',
    "a key twice": b'{"email": "a@example.org", "email": "b@example.org", "password": "x"}',
    "a key twice, spelled with an escape": b'{"email": "a", "em\\u0061il": "b", "password": "x"}',
    "not UTF-8": b'{"email": "\xff\xfe", "password": "x"}',
    "Latin-1": '{"email": "é", "password": "x"}'.encode("latin-1"),
    "UTF-16": '{"email": "a", "password": "x"}'.encode("utf-16"),
    "a lone surrogate in bytes": b'{"email": "\xed\xa0\x80", "password": "x"}',
    "a byte order mark": b'\xef\xbb\xbf{"email": "a", "password": "x"}',
    "nested a thousand deep": b'{"email":' + b"[" * 1000 + b"]" * 1000 + b"}",
    "nested a hundred thousand deep": b"[" * 100_000,
    "a number of five thousand digits": b'{"email": ' + b"9" * 5000 + b"}",
    "a leading zero": b'{"email": 01}',
    "a bare control character": b'{"email": "a\x01"}',
}


@pytest.mark.parametrize("what", NOT_JSON)
def test_what_isnt_json_is_400(api: Api, what: str) -> None:
    problem(api.call("POST", "/auth/login", data=NOT_JSON[what], headers=JSON), 400, "unreadable_json")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b"7", b"true", b"1e999"])
def test_json_of_another_shape_is_422(api: Api, body: bytes) -> None:
    assert faults(api.call("POST", "/auth/login", data=body, headers=JSON))


def item(api: Api, product: Any, quantity: str) -> Any:
    return api.call(
        "POST", "/basket/items", data=ITEM.format(id=product["id"], quantity=quantity).encode(), headers=JSON
    )


@pytest.mark.parametrize(
    ("quantity", "code"),
    [
        ("1.0000000000000000001", "too_many_places"),
        ('"1.0000000000000000001"', "too_many_places"),
        ("1.0000", "too_many_places"),
        ("1e0", "exponent"),
        ("1E2", "exponent"),
        ('"1e0"', "exponent"),
        ("1e999", "exponent"),
        ("1e-999999999", "exponent"),
        ("-1", "out_of_range"),
        ("0", "out_of_range"),
        ("-0", "out_of_range"),
        ('"0.000"', "out_of_range"),
        ("1000000000", "out_of_range"),
        ("9" * 400, "out_of_range"),
        ('""', "wrong_form"),
        ('" 1"', "wrong_form"),
        ('"+1"', "wrong_form"),
        ('"01"', "wrong_form"),
        ('"1."', "wrong_form"),
        ('".5"', "wrong_form"),
        ('"1_000"', "wrong_form"),
        ('"1,5"', "wrong_form"),
        ('"NaN"', "wrong_form"),
        ('"Infinity"', "wrong_form"),
        ('"１"', "wrong_form"),
        ("true", "wrong_type"),
        ("null", "wrong_type"),
        ("[1]", "wrong_type"),
        ("{}", "wrong_type"),
        ('"\\u0000"', "unreadable_text"),
    ],
)
def test_a_quantity_is_exact_or_refused(api: Api, product: Any, quantity: str, code: str) -> None:
    answer = item(api, product, quantity)
    assert faults(answer) == {("/quantity", code)}
    assert "X-Basket-Token" not in answer.headers


@pytest.mark.parametrize("quantity", ["1", "1.0", "1.5", "1.000", '"1"', '"1.500"', "100"])
def test_a_quantity_may_be_a_number_or_a_string(api: Api, product: Any, quantity: str) -> None:
    line = good(item(api, product, quantity))["items"][0]
    assert line["quantity"] == f"{float(quantity.strip(chr(34))):.3f}"


@pytest.mark.parametrize(("quantity", "code"), [("0.3", "not_a_multiple"), ("0.499", "below_minimum")])
def test_a_quantity_must_fit_the_product(api: Api, keeper: Keeper, quantity: str, code: str) -> None:
    product = keeper.product(quantity_step="0.25" if code == "not_a_multiple" else "0.001", min_quantity="0.5")
    if code == "not_a_multiple":
        quantity = "0.6"
    answer = item(api, product, quantity)
    assert faults(answer, code="invalid_quantity") == {("/quantity", code)}
    answer = item(api, keeper.product(max_quantity=2), "3")
    assert faults(answer, code="invalid_quantity") == {("/quantity", "above_maximum")}


def test_a_sum_over_the_maximum_changes_nothing(api: Api, keeper: Keeper) -> None:
    product = keeper.product(max_quantity=2)
    token = item(api, product, "1.5").headers["X-Basket-Token"]
    refused = api.post("/basket/items", {"product_id": product["id"], "quantity": 1}, basket=token)
    problem(refused, 422, "invalid_quantity")
    assert good(api.get("/basket", basket=token))["items"][0]["quantity"] == "1.500"


@pytest.mark.parametrize("text", ["a\\u0000b", "\\ud800", "x\\udfffy", "\\udc00\\ud800"])
def test_broken_text_is_422_wherever_it_stands(api: Api, staff: str, text: str) -> None:
    unit = f'{{"code": "{unique("u")}", "name": "{text}", "dimension": "mass", "factor": 1}}'
    answer = api.call("POST", "/store/units", data=unit.encode(), headers=JSON, token=staff)
    assert faults(answer) == {("/name", "unreadable_text")}
    key = f'{{"{text}": 1}}'
    answer = api.call("POST", "/store/units", data=key.encode(), headers=JSON, token=staff)
    assert "unknown_field" in {code for _, code in faults(answer)}


def test_a_pair_of_surrogates_is_a_character(api: Api, staff: str) -> None:
    unit = f'{{"code": "{unique("u")}", "name": "\\ud83e\\uddc0 é", "dimension": "mass", "factor": 1}}'
    answer = api.call("POST", "/store/units", data=unit.encode(), headers=JSON, token=staff)
    assert good(answer, 201)["name"] == "🧀 é"


@pytest.mark.parametrize(
    ("price", "code", "pointer"),
    [
        ({"amount": 1.5, "currency": "RUB"}, "wrong_type", "/price/amount"),
        ({"amount": "100", "currency": "RUB"}, "wrong_type", "/price/amount"),
        ({"amount": True, "currency": "RUB"}, "wrong_type", "/price/amount"),
        ({"amount": -1, "currency": "RUB"}, "out_of_range", "/price/amount"),
        ({"amount": 10**13, "currency": "RUB"}, "out_of_range", "/price/amount"),
        ({"amount": 10**300, "currency": "RUB"}, "out_of_range", "/price/amount"),
        ({"amount": 1, "currency": "EUR"}, "wrong_currency", "/price/currency"),
        ({"amount": 1}, "missing", "/price/currency"),
        (100, "wrong_type", "/price"),
        (None, "wrong_type", "/price"),
    ],
)
def test_money_is_whole_minor_units_in_the_shops_currency(
    api: Api, keeper: Keeper, staff: str, price: Any, code: str, pointer: str
) -> None:
    body = json.dumps(keeper.product_body(price=price)).encode()
    answer = api.call("POST", "/store/products", data=body, headers=JSON, token=staff)
    assert faults(answer) == {(pointer, code)}


def test_an_unknown_field_is_422_everywhere(api: Api, keeper: Keeper, staff: str, buyer: str, product: Any) -> None:
    for method, path, body, token in (
        ("POST", "/auth/register", {"email": "x@example.org", "password": PASSWORD, "role": "admin"}, None),
        ("POST", "/auth/login", {"email": "x@example.org", "password": PASSWORD, "x": 1}, None),
        ("POST", "/auth/refresh", {"refresh_token": "x", "x": 1}, None),
        ("PATCH", "/auth/me", {"x": 1}, buyer),
        ("POST", "/store/units", {"code": "x", "name": "x", "dimension": "mass", "factor": 1, "x": 1}, staff),
        ("POST", "/store/categories", {"name": "x", "slug": "x", "x": 1}, staff),
        ("POST", "/store/products", {**keeper.product_body(), "x": 1}, staff),
        ("PATCH", f"/store/products/{product['id']}", {"x": 1}, staff),
        ("POST", "/basket/items", {"product_id": product["id"], "quantity": 1, "x": 1}, None),
        ("PATCH", f"/basket/items/{product['id']}", {"quantity": 1, "x": 1}, buyer),
    ):
        found = faults(api.call(method, path, json=body, token=token))
        assert {code for _, code in found} == {"unknown_field"}


def test_a_null_where_none_is_meant_is_422(api: Api, staff: str, product: Any) -> None:
    for field in ("name", "sku", "price", "status", "quantity_step", "category_id", "sold_by"):
        answer = api.patch(f"/store/products/{product['id']}", {field: None}, token=staff)
        assert {pointer for pointer, _ in faults(answer)} == {f"/{field}"}


def test_another_media_type_is_415_and_none_is_json(api: Api) -> None:
    body = json.dumps({"email": f"{unique()}@example.org", "password": "x"}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
        answer = api.call("POST", "/auth/login", data=body, headers={"Content-Type": kind})
        problem(answer, 415, "unsupported_media_type")
    for kind in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/merge-patch+json"):
        answer = api.call("POST", "/auth/login", data=body, headers={"Content-Type": kind})
        problem(answer, 401, "invalid_credentials")
    problem(api.call("POST", "/auth/login", data=body), 401, "invalid_credentials")
