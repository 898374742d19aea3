"""The demo shop's data: whole, in both languages, and such as a real shop would have."""

import json
import re
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from localstack.demo.shop import ROOM, TEXTS, Good, Shop, load

SHOP: Shop = load()
# EU regulation 1169/2011, annex II.
ALLERGENS = {
    "gluten", "crustaceans", "eggs", "fish", "peanuts", "soybeans", "milk", "nuts", "celery", "mustard", "sesame",
    "sulphites", "lupin", "molluscs",
}  # fmt: skip
NUTRIENTS = {
    "energy_kcal", "protein_g", "fat_g", "saturated_fat_g", "carbohydrate_g", "sugar_g", "fiber_g", "salt_g",
}  # fmt: skip
EXACT = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")
CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)

each_good = pytest.mark.parametrize("good", SHOP.goods, ids=lambda good: good.sku)


def test_there_is_enough_to_shop_for() -> None:
    assert len(SHOP.goods) >= 72
    assert len(SHOP.categories) >= 20
    assert len(SHOP.warehouses) == 2
    assert {unit["code"] for unit in SHOP.units} == {"kg", "g", "l", "ml", "piece"}
    assert {good.body["sold_by"] for good in SHOP.goods} == {"piece", "weight", "volume"}
    assert {allergen for good in SHOP.goods for allergen in good.body["allergens"]} == ALLERGENS


def test_nothing_is_there_twice() -> None:
    for keys in (
        [unit["code"] for unit in SHOP.units],
        [category.slug for category in SHOP.categories],
        [warehouse.code for warehouse in SHOP.warehouses],
        [good.sku for good in SHOP.goods],
        [good.body["barcode"] for good in SHOP.goods],
        [good.body["name"] for good in SHOP.goods],
        [good.body["translations"]["en"]["name"] for good in SHOP.goods],
    ):
        assert [key for key, times in Counter(keys).items() if times > 1] == []


def test_units_come_down_to_gram_millilitre_and_piece() -> None:
    assert {unit["code"]: (unit["dimension"], unit["factor"]) for unit in SHOP.units} == {
        "kg": ("mass", "1000"),
        "g": ("mass", "1"),
        "l": ("volume", "1000"),
        "ml": ("volume", "1"),
        "piece": ("count", "1"),
    }


def test_categories_are_a_tree_with_parents_first() -> None:
    depth: dict[str | None, int] = {None: 0}
    for category in SHOP.categories:
        assert category.parent in depth, f"{category.slug} comes before its parent"
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", category.slug)
        depth[category.slug] = depth[category.parent] + 1
    assert max(depth.values()) == 3
    siblings = Counter((category.parent, category.body["position"]) for category in SHOP.categories)
    assert max(siblings.values()) == 1


def test_every_category_leads_to_goods() -> None:
    filled = {good.category for good in SHOP.goods}
    for category in reversed(SHOP.categories):
        assert category.slug in filled, f"nothing is sold in {category.slug}"
        if category.parent:
            filled.add(category.parent)


def test_both_languages_are_everywhere() -> None:
    named = [*SHOP.units, *(category.body for category in SHOP.categories)]
    named += [{"name": w.name, "address": w.address, "translations": w.translations} for w in SHOP.warehouses]
    for body in named:
        _assert_bilingual(body, list(body["translations"]["en"]))
    for good in SHOP.goods:
        _assert_bilingual(good.body, TEXTS)


def _assert_bilingual(body: dict[str, Any], fields: Any) -> None:
    assert set(body["translations"]) == {"en"}
    assert set(body["translations"]["en"]) == set(fields)
    for field in fields:
        russian, english = body[field], body["translations"]["en"][field]
        assert CYRILLIC.search(russian), russian
        assert english
        assert not CYRILLIC.search(english), english
        assert russian == russian.strip()
        assert english == english.strip()


def test_warehouses_are_within_moscow() -> None:
    for warehouse in SHOP.warehouses:
        assert 55.5 < warehouse.latitude < 56.0
        assert 37.3 < warehouse.longitude < 37.9


@each_good
def test_barcode_is_a_valid_gtin_of_the_in_store_range(good: Good) -> None:
    barcode = good.body["barcode"]
    assert re.fullmatch(r"2[0-9]{12}", barcode)
    # GS1 General Specifications, 7.9: weights 1 and 3 from the left of a GTIN-13, the sum ends in zero.
    assert sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(barcode)) % 10 == 0


@each_good
def test_good_stands_in_the_shop(good: Good) -> None:
    assert good.category in {category.slug for category in SHOP.categories}
    assert good.unit in {unit["code"] for unit in SHOP.units}
    assert set(good.stock) == {warehouse.code for warehouse in SHOP.warehouses}
    assert set(good.body["allergens"]) <= ALLERGENS
    assert good.body["allergens"] == sorted(set(good.body["allergens"]))


@each_good
def test_price_pack_and_steps_are_a_shops(good: Good) -> None:
    body = good.body
    assert body["price"]["currency"] == "RUB"
    assert isinstance(body["price"]["amount"], int)
    assert 1000 <= body["price"]["amount"] <= 300000
    numbers = {field: body[field] for field in ("pack_size", "quantity_step", "min_quantity", "max_quantity")}
    for text in numbers.values():
        assert EXACT.fullmatch(text), text
    pack, step, least, most = (Decimal(text) for text in numbers.values())
    assert pack > 0
    assert 0 < step <= least < most
    assert least % step == 0
    assert most % step == 0
    if body["sold_by"] == "piece":
        assert step == least == 1
    else:
        assert good.unit == {"weight": "kg", "volume": "l"}[body["sold_by"]]
        assert pack == 1
    for quantity in good.stock.values():
        assert quantity >= 0
        assert quantity == quantity.quantize(Decimal(1) if body["sold_by"] == "piece" else Decimal("0.001"))


@each_good
def test_nutrition_adds_up(good: Good) -> None:
    nutrition = good.body["nutrition"]
    assert set(nutrition) == NUTRIENTS
    for text in nutrition.values():
        assert EXACT.fullmatch(text), text
    of = {name: Decimal(text) for name, text in nutrition.items()}
    assert of["saturated_fat_g"] <= of["fat_g"]
    assert of["sugar_g"] <= of["carbohydrate_g"]
    assert of["protein_g"] + of["fat_g"] + of["carbohydrate_g"] + of["fiber_g"] + of["salt_g"] <= 100
    # EU 1169/2011, annex XIV: 4 kcal a gram of protein and carbohydrate, 9 of fat (2 of fibre, within the margin).
    counted = 4 * of["protein_g"] + 4 * of["carbohydrate_g"] + 9 * of["fat_g"]
    assert abs(of["energy_kcal"] - counted) <= counted * Decimal("0.15")


def test_stock_shows_every_case() -> None:
    held = [tuple(good.stock.values()) for good in SHOP.goods]
    assert sum(not any(quantities) for quantities in held) >= 2, "a couple are out everywhere"
    assert sum(any(quantities) and not all(quantities) for quantities in held) >= 3, "some are out in one warehouse"
    assert sum(0 < min(quantities) <= 5 for quantities in held) >= 3, "some are low"


def test_files_name_no_field_that_is_not_read() -> None:
    read = {"sku", "barcode", "category", "storage", "name", "description", "composition", "sold_by", "unit"}
    read |= {"pack_size", "price", "quantity_step", "min_quantity", "max_quantity", "nutrition", "allergens", "stock"}
    for file in (ROOM / "goods").glob("*.json"):
        for written in json.loads(file.read_text(encoding="utf-8"))["goods"]:
            assert set(written) == read, f"{file.name}: {written.get('sku')}"
