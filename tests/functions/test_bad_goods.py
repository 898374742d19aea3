"""Bad goods: each a clear problem, nothing half done; and odd ones that are sound, kept as they are."""

import json
from typing import Any

import pytest

from tests.functions.calls import Answer, call, good, invoke, product, unique, unit
from tests.functions.events import rest_event

ODD_NAMES = {
    "right to left": "גבינה צהובה 45%",
    "marks of direction": "\u202eСыр\u202c",
    "zero width inside": "Сы\u200bр\u200dный",
    "emoji joined": "🧑\u200d🍳 🧀",
    "combining": "Йо\u0308гурт",
    "markup": "<b>Сыр</b> & 'сыр' \"сыр\"; DROP TABLE store.products",
    "very long": "ы" * 300,
}
PRICES = {
    "negative": ("-1", "out_of_range"),
    "NaN": ("NaN", None),
    "infinite": ("Infinity", None),
    "exponent": ("1e5", "wrong_type"),
    "rounded by a float": ("129.90000000000001", "wrong_type"),
    "a float that is whole": ("12990.0", "wrong_type"),
    "four places": ("1.2345", "wrong_type"),
    "above 10^12": ("1000000000001", "out_of_range"),
    "a text": ('"12990"', "wrong_type"),
}
QUANTITIES = {
    "negative": ("-1", "out_of_range"),
    "NaN": ("NaN", None),
    "exponent": ("1e1", "exponent"),
    "rounded by a float": ("0.30000000000000004", "too_many_places"),
    "four places": ("0.0001", "too_many_places"),
    "four places as text": ('"0.0001"', "too_many_places"),
    "zero": ("0", "out_of_range"),
    "too many": ("1000000000", "out_of_range"),
}


def _faults(answer: Answer) -> list[tuple[str, str]]:
    assert answer.status == 422, answer
    return [(fault["pointer"], fault["code"]) for fault in answer.body["errors"]]


def _patch(thing: Any, text: str, token: str) -> Answer:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return invoke(rest_event("PATCH", f"/store/products/{thing['id']}", text.encode(), headers=headers))


@pytest.fixture(scope="module")
def cheese(staff: str) -> Any:
    return product(staff)


def _untouched(thing: Any, token: str) -> None:
    assert good(call("GET", f"/store/products/{thing['id']}", token=token)) == thing


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
def test_an_odd_name_is_kept_as_it_is(staff: str, name: str) -> None:
    thing = product(staff, name=name)
    assert thing["name"] == name
    listed = good(call("GET", f"/store/products?category={thing['category_id']}&limit=1"))
    assert [item["name"] for item in listed["items"]] == [name]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ы" * 301, "wrong_length"),
        ("a" * 10_000, "wrong_length"),
        ("", "wrong_length"),
        ("\u200b\u200d \ufeff", "wrong_length"),
    ],
)
def test_a_name_too_long_or_not_to_be_seen_is_422(staff: str, cheese: Any, name: str, code: str) -> None:
    assert _faults(call("PATCH", f"/store/products/{cheese['id']}", {"name": name}, token=staff)) == [("/name", code)]
    _untouched(cheese, staff)


def test_a_name_with_nul_is_422(staff: str, cheese: Any) -> None:
    assert _faults(_patch(cheese, '{"name": "a\\u0000b"}', staff)) == [("/name", "unreadable_text")]
    _untouched(cheese, staff)


@pytest.mark.parametrize(("amount", "code"), PRICES.values(), ids=PRICES)
def test_a_bad_price(staff: str, cheese: Any, amount: str, code: str | None) -> None:
    answer = _patch(cheese, f'{{"price": {{"amount": {amount}, "currency": "RUB"}}}}', staff)
    if code is None:
        assert (answer.status, answer.body["code"]) == (400, "unreadable_json")
    else:
        assert _faults(answer) == [("/price/amount", code)]
    _untouched(cheese, staff)


@pytest.mark.parametrize("field", ["quantity_step", "min_quantity", "max_quantity"])
@pytest.mark.parametrize(("quantity", "code"), QUANTITIES.values(), ids=QUANTITIES)
def test_a_bad_quantity(staff: str, cheese: Any, field: str, quantity: str, code: str | None) -> None:
    answer = _patch(cheese, f'{{"{field}": {quantity}}}', staff)
    if code is None:
        assert (answer.status, answer.body["code"]) == (400, "unreadable_json")
    else:
        assert _faults(answer) == [(f"/{field}", code)]
    _untouched(cheese, staff)


@pytest.mark.parametrize(
    ("nutrition", "fault"),
    [
        ({"fat_g": "100.001"}, ("/nutrition/fat_g", "out_of_range")),
        ({"fat_g": -1}, ("/nutrition/fat_g", "out_of_range")),
        ({"fat_g": "0.0001"}, ("/nutrition/fat_g", "too_many_places")),
        ({"energy_kcal": 901}, ("/nutrition/energy_kcal", "out_of_range")),
        ({"fat_g": 50, "protein_g": 50, "salt_g": "0.001"}, ("/nutrition", "out_of_range")),
        ({"saturated_fat_g": 60, "sugar_g": 60}, ("/nutrition", "out_of_range")),
        ({"sugar_g": 2, "carbohydrate_g": 1}, ("/nutrition/sugar_g", "contradiction")),
        ({"saturated_fat_g": 2, "fat_g": 1}, ("/nutrition/saturated_fat_g", "contradiction")),
        ({"iron_mg": 1}, ("/nutrition/iron_mg", "unknown_field")),
    ],
)
def test_nutrition_that_cant_be(staff: str, cheese: Any, nutrition: Any, fault: tuple[str, str]) -> None:
    answer = call("PATCH", f"/store/products/{cheese['id']}", {"nutrition": nutrition}, token=staff)
    assert _faults(answer) == [fault]
    _untouched(cheese, staff)


def test_all_that_contradicts_in_nutrition_is_told_at_once(staff: str, cheese: Any) -> None:
    nutrition = {"fat_g": 1, "saturated_fat_g": 2, "carbohydrate_g": 1, "sugar_g": 2}
    answer = call("PATCH", f"/store/products/{cheese['id']}", {"nutrition": nutrition}, token=staff)
    assert _faults(answer) == [
        ("/nutrition/saturated_fat_g", "contradiction"), ("/nutrition/sugar_g", "contradiction"),
    ]  # fmt: skip


@pytest.mark.parametrize(("sold_by", "dimension"), [("weight", "volume"), ("weight", "count"), ("volume", "mass")])
def test_a_unit_of_the_wrong_dimension(staff: str, sold_by: str, dimension: str) -> None:
    measured = unit(staff, dimension=dimension)
    right = product(
        staff, unit_id=unit(staff, dimension="mass" if sold_by == "weight" else "volume")["id"], sold_by=sold_by
    )
    answer = call("PATCH", f"/store/products/{right['id']}", {"unit_id": measured["id"]}, token=staff)
    assert _faults(answer) == [("/unit_id", "wrong_dimension")]
    _untouched(right, staff)


@pytest.mark.parametrize(
    "query",
    [
        "category=x", "category=019aa7c0", "warehouse=%00", "min_price=-1", "min_price=1e3", "max_price=1.5",
        "min_price=NaN", "category=00000000000000000000000000000000",
        "max_price=1000000000001", "in_stock=perhaps", "allergen_free=stone", "allergen_free=milk;nuts", "status=x",
        "sort=rank", "sort=-name", "limit=0", "limit=101", "limit=x", "cursor=x", "cursor=%F0%9F%A7%80", "q=%00",
        "q=" + "x" * 501,
    ],
)  # fmt: skip
def test_a_filter_of_nonsense_is_422(query: str) -> None:
    answer = call("GET", f"/store/products?{query}")
    assert answer.status == 422, answer
    assert answer.body["code"] in ("invalid_parameter", "invalid_cursor"), answer


def test_a_parameter_said_twice_has_its_name_for_a_place() -> None:
    answer = call("GET", f"/store/products?allergen_free=milk&allergen_free={'x' * 501}")
    assert (answer.status, answer.body["code"]) == (422, "invalid_parameter"), answer
    assert [fault["pointer"] for fault in answer.body["errors"]] == ["/allergen_free"]


@pytest.mark.parametrize("query", ["q=%25", "q=_", "q=%5C", "q='--", "q=%F0%9F%A7%80", "q=%E2%80%8B"])
def test_a_filter_that_finds_nothing_finds_nothing(query: str) -> None:
    answer = call("GET", f"/store/products?{query}&min_price=999999999999")
    assert good(answer)["items"] == []


def test_a_category_under_itself_or_its_own_is_409(staff: str) -> None:
    def category(parent: str | None = None) -> Any:
        body = {"name": "Разное", "slug": unique("c"), "parent_id": parent}
        return good(call("POST", "/store/categories", body, token=staff), 201)

    top = category()
    middle = category(top["id"])
    low = category(middle["id"])
    for parent in (top, middle, low):
        answer = call("PATCH", f"/store/categories/{top['id']}", {"parent_id": parent["id"]}, token=staff)
        assert (answer.status, answer.body["code"]) == (409, "category_cycle"), json.dumps(answer.body)
    assert good(call("GET", f"/store/categories/{top['id']}", token=staff)) == top
