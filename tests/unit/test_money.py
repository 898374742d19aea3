"""Money is whole minor units, a line rounded once and half up; quantities and decimals are written exactly."""

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from eatit.money import decimal_text, line_total, quantity_text, round_half_up

prices = some.integers(0, 10**12)
quantities = some.integers(0, 999_999_999_999).map(lambda thousandths: Decimal(thousandths) / 1000)


@pytest.mark.parametrize(
    ("price", "quantity", "total"),
    [
        (12990, "1.5", 19485),
        (333, "0.5", 167),
        (1, "0.5", 1),
        (1, "0.499", 0),
        (3, "0.5", 2),
        (999, "1.001", 1000),
        (10**12, "999999999.999", 999_999_999_999_000_000_000),
        (0, "5", 0),
    ],
)
def test_a_line_is_rounded_once_half_up(price: int, quantity: str, total: int) -> None:
    assert line_total(price, Decimal(quantity)) == total


@given(prices, quantities)
def test_a_line_is_exact_to_half_a_minor_unit(price: int, quantity: Decimal) -> None:
    exact = Fraction(price) * Fraction(quantity)
    total = line_total(price, quantity)
    assert isinstance(total, int)
    assert total - Fraction(1, 2) <= exact < total + Fraction(1, 2)


@given(prices, quantities, quantities)
def test_more_never_costs_less(price: int, one: Decimal, other: Decimal) -> None:
    assert line_total(price, min(one, other)) <= line_total(price, max(one, other))


@given(quantities)
def test_a_quantity_is_written_with_three_places_and_read_back_the_same(quantity: Decimal) -> None:
    text = quantity_text(quantity)
    assert re.fullmatch(r"[0-9]+\.[0-9]{3}", text)
    assert Decimal(text) == quantity


@given(some.decimals(min_value=0, max_value=10**9, places=9))
def test_a_decimal_is_written_without_trailing_zeros_and_read_back_the_same(value: Decimal) -> None:
    text = decimal_text(value)
    assert re.fullmatch(r"[0-9]+(\.[0-9]*[1-9])?", text)
    assert Decimal(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [("1000", "1000"), ("0.50", "0.5"), ("1E+3", "1000"), ("0", "0"), ("0.000", "0"), ("100.0", "100")],
)
def test_decimals_as_the_contract_writes_them(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text


def test_a_half_goes_up() -> None:
    assert [round_half_up(Decimal(value)) for value in ("0.5", "1.5", "2.5", "2.4999")] == [1, 2, 3, 2]
