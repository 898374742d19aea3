"""All of a body's faults are told at once, in the caller's language; what changes nothing moves nothing."""

from typing import Any

from tests.gateway.shop import Api, Keeper, faults, good, problem

NOWHERE = "019a0000-0000-7000-8000-00000000dead"


def test_a_registration_tells_all_that_is_wrong_with_it(api: Api) -> None:
    body = {"email": "x", "password": "1", "role": "admin"}
    found = {("/email", "wrong_form"), ("/password", "too_short"), ("/role", "unknown_field")}
    assert faults(api.post("/auth/register", body)) == found
    weak = api.post("/auth/register", {"email": "anna@example.org", "password": "1"})
    assert faults(weak, code="weak_password") == {("/password", "too_short")}


def test_a_product_tells_all_that_contradicts_the_shop(api: Api, keeper: Keeper, staff: str) -> None:
    body = keeper.product_body(category_id=NOWHERE, unit_id=NOWHERE, min_quantity="5", max_quantity="2")
    found = {
        ("/category_id", "unknown_reference"),
        ("/unit_id", "unknown_reference"),
        ("/max_quantity", "contradiction"),
    }
    assert faults(api.post("/store/products", body, token=staff)) == found


def test_russian_is_russian(api: Api, staff: str) -> None:
    body = {"sku": "a b", "price": {"amount": 1.5, "currency": "RUB"}, "category_id": "x", "sold_by": "heap"}
    answer = api.post("/store/products", body, token=staff, headers={"Accept-Language": "ru"})
    told = {each["pointer"]: each["detail"] for each in problem(answer, 422, "invalid_body")["errors"]}
    assert told["/price/amount"] == "Здесь должно быть: целое число."
    assert told["/category_id"] == "Это не той формы: идентификатор (UUID)."
    assert " or " not in told["/sold_by"]
    assert "[A-Za-z0-9]" in told["/sku"]


def test_problems_vary_by_language_and_caller(api: Api) -> None:
    answer = api.get(f"/store/products/{NOWHERE}")
    assert {"Accept-Language", "Authorization"} <= {part.strip() for part in answer.headers["Vary"].split(",")}


def test_translations_join_and_nutrition_is_replaced(api: Api, keeper: Keeper, staff: str) -> None:
    words = {"en": {"name": "Pears", "description": "Ripe"}}
    product = keeper.product(translations=words, nutrition={"salt_g": "1", "fat_g": "2"})
    assert product["translations"] == words
    path = f"/store/products/{product['id']}"
    changed = good(api.patch(path, {"translations": {"en": {"description": "Soft"}}}, token=staff))
    assert changed["translations"] == {"en": {"name": "Pears", "description": "Soft"}}
    changed = good(api.patch(path, {"translations": {"en": {"description": None}}}, token=staff))
    assert changed["translations"] == {"en": {"name": "Pears"}}
    changed = good(api.patch(path, {"nutrition": {"salt_g": "3"}}, token=staff))
    assert set(changed["nutrition"]) == set(product["nutrition"])
    assert (changed["nutrition"]["salt_g"], changed["nutrition"]["fat_g"]) == ("3", None)


def test_setting_a_line_to_what_it_is_moves_nothing(api: Api, product: Any, buyer: str) -> None:
    path = f"/basket/items/{product['id']}"
    first = api.patch(path, {"quantity": "2"}, token=buyer)
    again = api.patch(path, {"quantity": "2.000"}, token=buyer, headers={"If-Match": first.headers["ETag"]})
    assert good(again)["version"] == good(first)["version"]
    assert again.headers["ETag"] == first.headers["ETag"]
    stale = api.patch(path, {"quantity": "2"}, token=buyer, headers={"If-Match": '"99.x"'})
    problem(stale, 412, "version_mismatch")
