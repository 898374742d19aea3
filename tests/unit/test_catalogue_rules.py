"""What the catalogue reckons: barcodes, prices per kilogram, and the key that names are sorted by."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import TypeAdapter, ValidationError

from eatit.errors import Invalid
from store.catalogue import name_key
from store.models import Gtin, Nutrition, ProductChange, Sku, Slug
from store.units import COMPARED_BY, FITTING, Measure, converted, unit_price

gtin = TypeAdapter(Gtin)


def check_digit(digits: str) -> str:
    """By GS1's words: from the right, threes and ones in turn."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str((10 - total % 10) % 10)


@pytest.mark.parametrize("code", ["4006381333931", "96385074", "036000291452", "10614141000415", "00000000"])
def test_a_right_barcode_is_taken(code: str) -> None:
    assert gtin.validate_python(code) == code


@given(some.sampled_from([7, 11, 12, 13]).flatmap(lambda n: some.text("0123456789", min_size=n, max_size=n)))
def test_one_check_digit_of_ten_is_right(digits: str) -> None:
    taken = []
    for last in "0123456789":
        try:
            gtin.validate_python(digits + last)
            taken.append(last)
        except ValidationError as error:
            assert "check_digit" in str(error) or error.errors()[0]["type"] == "eatit.wrong_check_digit"  # noqa: PT017
    assert taken == [check_digit(digits)]


@pytest.mark.parametrize(
    "code", ["", "123", "123456789", "400638133393", "4006381333931 ", "٤٠٠٦٣٨١٣٣٣٩٣١", "4006-3813", 4006381333931]
)
def test_what_is_no_barcode_is_refused(code: Any) -> None:
    with pytest.raises(ValidationError):
        gtin.validate_python(code)


@pytest.mark.parametrize(
    ("price", "sold_by", "pack", "dimension", "factor", "answer"),
    [
        (12990, "piece", "200", "mass", "1", (64950, "kg")),
        (12990, "weight", "1", "mass", "1000", (12990, "kg")),
        (5000, "weight", "1", "mass", "100", (50000, "kg")),
        (8990, "piece", "0.93", "volume", "1000", (9667, "l")),
        (8990, "volume", "1", "volume", "1000", (8990, "l")),
        (12000, "piece", "10", "count", "1", (1200, "piece")),
        (5, "piece", "2", "count", "1", (3, "piece")),
        (0, "piece", "3", "mass", "1", (0, "kg")),
    ],
)
def test_what_a_kilogram_a_litre_or_a_piece_costs(
    price: int, sold_by: str, pack: str, dimension: str, factor: str, answer: tuple[int, str]
) -> None:
    assert unit_price(price, sold_by, Decimal(pack), dimension, Decimal(factor)) == answer


@given(
    some.integers(0, 10**12),
    some.integers(1, 10**12).map(lambda millionths: Decimal(millionths) / 10**6),
    some.integers(1, 10**9).map(lambda billionths: Decimal(billionths) / 1000),
    some.sampled_from(sorted(COMPARED_BY)),
)
def test_a_unit_price_is_exact_to_half_a_minor_unit(price: int, pack: Decimal, factor: Decimal, dimension: str) -> None:
    amount, _ = unit_price(price, "piece", pack, dimension, factor)
    exact = Fraction(price) * COMPARED_BY[dimension][1] / (Fraction(factor) * Fraction(pack))
    if exact < 10**18:
        assert abs(Fraction(amount) - exact) <= Fraction(1, 2) + Fraction(1, 10**6)


@pytest.mark.parametrize(
    ("quantity", "of", "to", "answer"),
    [
        ("1.5", "1000", "1", "1500"),
        ("1", "1", "1000", "0.001"),
        ("0.1", "0.000000001", "1000000000", "0.0000000000000000001"),
        ("999999999.999", "1000000000", "0.000000001", "999999999999000000000000000"),
        ("2", "453.59237", "453.59237", "2"),
        ("0", "28.349523125", "1000", "0"),
    ],
)
def test_a_quantity_is_the_same_in_another_unit(quantity: str, of: str, to: str, answer: str) -> None:
    found = converted(Decimal(quantity), Measure("mass", Decimal(of)), Measure("mass", Decimal(to)))
    assert found == Decimal(answer)
    back = converted(found, Measure("mass", Decimal(to)), Measure("mass", Decimal(of)))
    assert back == Decimal(quantity)


@given(some.integers(0, 10**12), some.integers(1, 10**18), some.integers(1, 10**18))
def test_a_conversion_is_right_to_eighty_digits(thousandths: int, of: int, to: int) -> None:
    quantity = Decimal(thousandths) / 1000
    found = converted(quantity, Measure("volume", Decimal(of)), Measure("volume", Decimal(to)))
    exact = Fraction(quantity) * of / to
    assert abs(Fraction(found) - exact) <= exact / 10**78


def test_no_weight_is_a_volume() -> None:
    with pytest.raises(Invalid, match="invalid_body"):
        converted(Decimal(1), Measure("mass", Decimal(1)), Measure("volume", Decimal(1)))


def test_what_is_sold_by_weight_is_measured_in_mass() -> None:
    assert FITTING == {"piece": ("mass", "volume", "count"), "weight": ("mass",), "volume": ("volume",)}


def test_names_are_sorted_alike_everywhere() -> None:
    names = ["яблоко", "Ёлка", "ель", "Арбуз", "елочка", "Apple", "ёж", "zebra"]
    assert sorted(names, key=name_key) == ["Apple", "zebra", "Арбуз", "ёж", "Ёлка", "елочка", "ель", "яблоко"]
    assert name_key("ﬁSH") == "fish"
    assert name_key("Е\u0308ж") == name_key("Ёж") == "еж"


@pytest.mark.parametrize("slug", ["dairy", "milk-and-kefir", "a1"])
def test_a_slug_is_lower_case_words(slug: str) -> None:
    assert TypeAdapter(Slug).validate_python(slug) == slug


@pytest.mark.parametrize("slug", ["", "-a", "a-", "a--b", "Dairy", "молоко", "a b", "a\n"])
def test_another_slug_is_refused(slug: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Slug).validate_python(slug)


@pytest.mark.parametrize("sku", ["a b", "", "é", "-a", "a\n", "x" * 65])
def test_a_sku_is_plain(sku: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Sku).validate_python(sku)


def test_nutrition_holds_together() -> None:
    sound = {
        "fat_g": Decimal(60),
        "protein_g": Decimal(40),
        "saturated_fat_g": Decimal(60),
        "energy_kcal": Decimal(900),
    }
    assert Nutrition.model_validate(sound).energy_kcal == 900
    for wrong in (
        {"fat_g": 60, "protein_g": 41},
        {"fat_g": 1, "saturated_fat_g": Decimal("1.001")},
        {"carbohydrate_g": 1, "sugar_g": 2},
        {"energy_kcal": 901},
        {"salt_g": 101},
    ):
        with pytest.raises(ValidationError):
            Nutrition.model_validate(wrong)


def test_a_change_gives_only_what_was_given() -> None:
    assert ProductChange.model_validate({"name": "x"}).given() == {"name": "x"}
    assert ProductChange.model_validate({"barcode": None}).given() == {"barcode": None}
    assert ProductChange.model_validate({}).given() == {}
