"""What the store says is wrong is said in Russian whole: no word of it stays English but the fields' own names."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.functions.calls import Answer, call, good, product, unique, unit

Ask = Callable[[str, str, Any], Answer]


@pytest.fixture
def ask(staff: str) -> Ask:
    def asked(method: str, path: str, body: Any = None) -> Answer:
        return call(method, path, body, token=staff, headers={"Accept-Language": "ru"})

    return asked


def _of_a_parent_that_isnt(ask: Ask, _staff: str) -> Answer:
    return ask("POST", "/store/categories", {"name": "Сыры", "slug": unique("c"), "parent_id": str(uuid4())})


def _of_a_unit_that_doesnt_fit(ask: Ask, staff: str) -> Answer:
    weighed = product(staff, unit_id=unit(staff, dimension="mass")["id"], sold_by="weight")
    return ask("PATCH", f"/store/products/{weighed['id']}", {"unit_id": unit(staff, dimension="volume")["id"]})


def _of_a_unit_in_use(ask: Ask, staff: str) -> Answer:
    return ask("DELETE", f"/store/units/{product(staff)['unit_id']}", None)


def _of_a_category_in_use(ask: Ask, staff: str) -> Answer:
    return ask("DELETE", f"/store/categories/{product(staff)['category_id']}", None)


def _of_a_category_with_another_in_it(ask: Ask, _staff: str) -> Answer:
    above = good(ask("POST", "/store/categories", {"name": "Сыры", "slug": unique("c")}), 201)["id"]
    good(ask("POST", "/store/categories", {"name": "Сыры", "slug": unique("c"), "parent_id": above}), 201)
    return ask("DELETE", f"/store/categories/{above}", None)


def _of_a_warehouse_in_use(ask: Ask, staff: str) -> Answer:
    body = {"code": unique("w"), "name": "Склад", "address": "улица Первая, 1"}
    place = good(ask("POST", "/store/warehouses", body), 201)["id"]
    move = {"kind": "receive", "warehouse_id": place, "product_id": product(staff)["id"], "quantity": "1"}
    good(ask("POST", "/store/stock/movements", {**move, "reason": "проба"}), 201)
    return ask("DELETE", f"/store/warehouses/{place}", None)


@pytest.mark.parametrize(
    "refusal",
    [
        _of_a_parent_that_isnt,
        _of_a_unit_that_doesnt_fit,
        _of_a_unit_in_use,
        _of_a_category_in_use,
        _of_a_category_with_another_in_it,
        _of_a_warehouse_in_use,
    ],
)
def test_a_refusal_has_no_english_word(refusal: Callable[[Ask, str], Answer], ask: Ask, staff: str) -> None:
    answer = refusal(ask, staff)
    assert answer.status in (409, 422), answer
    told = [answer.body["title"], answer.body["detail"], *(fault["detail"] for fault in answer.body.get("errors", []))]
    assert not [words for words in told if re.search("[A-Za-z]{3,}", words.replace("errors", ""))], told
