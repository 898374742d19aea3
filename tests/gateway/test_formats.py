"""How values are written: money, quantities, decimals, times, ids, and words in the caller's language."""

import re
from typing import Any

import pytest

from tests.gateway.shop import Api, Keeper, faults, good

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_a_product_is_written_as_the_contract_says(api: Api, keeper: Keeper) -> None:
    made = keeper.product(
        price={"amount": 12990, "currency": "RUB"},
        sold_by="piece",
        unit_id=keeper.unit(factor=1)["id"],
        pack_size="200.0",
        quantity_step=1,
        max_quantity="10",
        nutrition={"energy_kcal": "364.0", "salt_g": 0},
    )
    product = good(api.get(f"/store/products/{made['id']}"))
    assert ID.fullmatch(product["id"])
    assert TIME.fullmatch(product["created_at"])
    assert TIME.fullmatch(product["updated_at"])
    assert product["price"] == {"amount": 12990, "currency": "RUB"}
    assert product["unit_price"] == {"price": {"amount": 64950, "currency": "RUB"}, "per": "kg"}
    assert product["pack_size"] == "200"
    quantities = [product[name] for name in ("quantity_step", "min_quantity", "max_quantity")]
    assert quantities == ["1.000", "1.000", "10.000"]
    assert (product["nutrition"]["energy_kcal"], product["nutrition"]["salt_g"]) == ("364", "0")
    assert product["available"] is False
    assert {
        "sku", "barcode", "name", "description", "composition", "storage_conditions", "category_id", "unit_id",
        "sold_by", "allergens", "status", "photos", "version",
    } <= set(product)  # fmt: skip


def test_a_line_is_written_as_the_contract_says(api: Api, product: Any) -> None:
    basket = good(api.post("/basket/items", {"product_id": product["id"], "quantity": "1.5"}))
    assert ID.fullmatch(basket["id"])
    assert TIME.fullmatch(basket["updated_at"])
    assert {
        "id", "version", "items", "subtotal", "discount_total", "fee_total", "total", "currency", "warnings",
        "updated_at",
    } <= set(basket)  # fmt: skip
    line = basket["items"][0]
    assert {
        "product_id", "sku", "name", "photo_url", "unit", "quantity", "price_seen", "price", "line_total",
        "available", "warnings",
    } <= set(line)  # fmt: skip
    assert (line["quantity"], line["available"]) == ("1.500", "0.000")
    assert line["line_total"] == {"amount": 19485, "currency": "RUB"}
    assert line["warnings"] == ["out_of_stock"]


@pytest.mark.parametrize(
    ("price", "quantity", "total"), [(333, "0.5", 167), (1, "0.5", 1), (1, "0.499", 0), (999, "1.001", 1000)]
)
def test_a_line_is_rounded_once_half_up(api: Api, keeper: Keeper, price: int, quantity: str, total: int) -> None:
    product = keeper.product(price={"amount": price, "currency": "RUB"}, quantity_step="0.001", min_quantity="0.001")
    basket = good(api.post("/basket/items", {"product_id": product["id"], "quantity": quantity}))
    assert basket["items"][0]["line_total"]["amount"] == basket["total"]["amount"] == total


def test_words_follow_accept_language_for_all_but_staff(api: Api, keeper: Keeper, staff: str, buyer: str) -> None:
    product = keeper.product(
        name="Сыр",
        description="Твёрдый",
        translations={"en": {"name": "Cheese", "description": "Hard"}},
    )
    path = f"/store/products/{product['id']}"
    for token in (None, buyer):
        for accepted, language, name, description in (
            ("ru", "ru", "Сыр", "Твёрдый"),
            ("en", "en", "Cheese", "Hard"),
            ("de", "ru", "Сыр", "Твёрдый"),
            ("", "ru", "Сыр", "Твёрдый"),
            ("en;q=0.3, ru;q=0.2", "en", "Cheese", "Hard"),
        ):
            answer = api.get(path, token=token, headers={"Accept-Language": accepted})
            seen = good(answer)
            assert (seen["name"], seen["description"]) == (name, description)
            assert answer.headers["Content-Language"] == language
            assert "translations" not in seen
    for accepted in ("en", "ru"):
        answer = api.get(path, token=staff, headers={"Accept-Language": accepted})
        seen = good(answer)
        assert (seen["name"], answer.headers["Content-Language"]) == ("Сыр", "ru")
        assert seen["translations"]["en"]["name"] == "Cheese"


def test_a_word_without_translation_stays_in_the_default_language(api: Api, keeper: Keeper) -> None:
    product = keeper.product(name="Хлеб", description="Ржаной", translations={"en": {"name": "Bread"}})
    seen = good(api.get(f"/store/products/{product['id']}", headers={"Accept-Language": "en"}))
    assert (seen["name"], seen["description"]) == ("Bread", "Ржаной")


def test_units_categories_and_lines_are_translated_too(api: Api, keeper: Keeper) -> None:
    words = {"en": {"name": "in English"}}
    english = {"Accept-Language": "en"}
    unit, category = keeper.unit(translations=words), keeper.category(translations=words)
    assert good(api.get(f"/store/units/{unit['id']}", headers=english))["name"] == "in English"
    assert good(api.get(f"/store/categories/{category['id']}", headers=english))["name"] == "in English"
    tree = good(api.get("/store/categories", headers=english))["items"]
    assert {item["id"]: item["name"] for item in tree}[category["id"]] == "in English"
    body = {"product_id": keeper.product(translations=words)["id"], "quantity": 1}
    assert good(api.post("/basket/items", body, headers=english))["items"][0]["name"] == "in English"
    assert good(api.post("/basket/items", body))["items"][0]["name"] == "Сыр"


def test_what_doesnt_hold_together_is_422(api: Api, keeper: Keeper, staff: str) -> None:
    for given, fault in (
        ({"nutrition": {"fat_g": 60, "protein_g": 50}}, ("/nutrition", "out_of_range")),
        ({"nutrition": {"fat_g": 1, "saturated_fat_g": 2}}, ("/nutrition/saturated_fat_g", "contradiction")),
        ({"min_quantity": "0.75"}, ("/min_quantity", "not_a_multiple")),
        ({"min_quantity": "2", "max_quantity": "1"}, ("/max_quantity", "contradiction")),
        ({"sold_by": "piece"}, ("/quantity_step", "not_a_multiple")),
        ({"sold_by": "volume"}, ("/unit_id", "wrong_dimension")),
        ({"category_id": "019aa7c0-0000-7000-8000-000000000001"}, ("/category_id", "unknown_reference")),
        ({"unit_id": "019aa7c0-0000-7000-8000-000000000001"}, ("/unit_id", "unknown_reference")),
        ({"allergens": ["milk", "stone"]}, ("/allergens/1", "not_one_of")),
        ({"barcode": "123"}, ("/barcode", "wrong_form")),
    ):
        answer = api.post("/store/products", keeper.product_body(**given), token=staff)
        assert faults(answer) == {fault}
