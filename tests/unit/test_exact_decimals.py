"""Decimals of bodies are read exactly or refused with a fault; what the documentation says of them is what is read."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic_core import PydanticCustomError

from eatit.http.bodies import read_json
from eatit.http.shapes import Exact

quantity = Exact(places=3, maximum=999_999_999)
above = Exact(places=3, maximum=999_999_999, above=True)
grams = Exact(places=3, maximum=100)
factor = Exact(places=9, maximum=10**9, above=True)
READERS = (quantity, above, grams, factor, Exact(places=6, maximum=900))


def read(reader: Exact, text: str) -> Decimal | str:
    """What comes of a JSON value: the decimal, or the fault's code."""
    try:
        return reader.read(read_json(text.encode()))
    except PydanticCustomError as error:
        return error.type.removeprefix("eatit.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1", Decimal(1)),
        ("1.250", Decimal("1.250")),
        ('"1.250"', Decimal("1.250")),
        ('"0.001"', Decimal("0.001")),
        ("999999999", Decimal(999_999_999)),
        ("0", Decimal(0)),
        ("-0", Decimal(0)),
        ("1.0001", "too_many_places"),
        ("1.0000000000000000001", "too_many_places"),
        ("1.0000", "too_many_places"),
        ("1e3", "exponent"),
        ('"1e3"', "exponent"),
        ('"-1.5E+7"', "exponent"),
        ("1e999999999", "exponent"),
        ("-1", "out_of_range"),
        ('"-1"', "out_of_range"),
        ("-0.001", "out_of_range"),
        ("1000000000", "out_of_range"),
        ("true", "wrong_type"),
        ("null", "wrong_type"),
        ("[]", "wrong_type"),
        ('"x"', "wrong_form"),
        ('"1,5"', "wrong_form"),
        ('" 1"', "wrong_form"),
        ('"1\\n"', "wrong_form"),
        ('"٣"', "wrong_form"),
        ('"inf"', "wrong_form"),
        ('"00"', "wrong_form"),
    ],
)
def test_a_quantity_is_read_exactly_or_refused(text: str, found: Any) -> None:
    assert read(quantity, text) == found


def test_above_means_that_zero_is_refused() -> None:
    for text in ("0", "0.0", '"0.000"'):
        assert read(above, text) == "out_of_range"
    assert read(above, "0.001") == Decimal("0.001")


@given(some.integers(0, 999_999_999_000))
def test_every_quantity_of_three_places_is_read_as_it_stands(thousandths: int) -> None:
    text = f"{thousandths // 1000}.{thousandths % 1000:03d}"
    for written in (text, f'"{text}"'):
        assert read(quantity, written) == Decimal(text)


@given(some.floats(allow_nan=False, allow_infinity=False))
def test_no_number_is_ever_rounded(number: float) -> None:
    text = json.dumps(number)
    found = read(quantity, text)
    if isinstance(found, Decimal):
        assert found == Decimal(text)


@given(some.one_of(some.from_regex(r"-?[0-9]{0,11}(\.[0-9]{0,10})?", fullmatch=True), some.text(max_size=8)))
def test_the_documented_pattern_takes_what_is_taken_and_no_more(text: str) -> None:
    for reader in READERS:
        schema = reader.__get_pydantic_json_schema__(None, None)
        strings = next(part for part in schema["anyOf"] if part["type"] == "string")
        documented = bool(re.search(strings["pattern"], text)) and not text.endswith("\n")
        if "not" in strings:
            documented = documented and not re.search(strings["not"]["pattern"], text)
        try:
            taken = isinstance(reader.read(text), Decimal)
        except PydanticCustomError:
            taken = False
        assert taken == documented, (reader, text)
