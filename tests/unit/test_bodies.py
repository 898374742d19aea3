"""JSON read strictly (RFC 8259), and the pointers of what is wrong with it."""

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from auth.models import AdminChange, Credentials
from basket.models import ItemAdd
from eatit.http.bodies import UNREADABLE, ExponentDecimal, UnreadableBody, invalid_request, pointer_of, read_json
from store.models import CategoryCreate, ProductChange, ProductCreate

texts = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
values = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**70), 2**70) | texts,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_sound_json_is_read_as_it_stands(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(some.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(UnreadableBody):
        read_json(data)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'{"x":{"a":1,"a":1}}',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"9" * 5000,
        b"[" * 34 + b"]" * 34,
        b"'a'",
        b"01",
        b"1.",
        b".5",
        b"+1",
        b"{} {}",
        b'"a\nb"',
    ],
)
def test_what_isnt_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableBody):
        read_json(body)


def test_thirty_two_levels_are_deep_enough() -> None:
    assert read_json(b"[" * 32 + b"]" * 32)


def test_fractions_are_exact_and_exponents_are_marked() -> None:
    value = read_json(b"[1.10, 1e2, 1E-400, 7]")
    assert value == [Decimal("1.10"), Decimal("1e2"), Decimal("1E-400"), 7]
    assert [type(part) for part in value] == [Decimal, ExponentDecimal, ExponentDecimal, int]


@pytest.mark.parametrize("text", ["\\u0000", "a\\u0000", "\\ud800", "\\udfff", "\\udc00\\ud800"])
def test_broken_text_is_marked_and_a_broken_key_can_be_told(text: str) -> None:
    assert read_json(f'{{"a": ["{text}"]}}'.encode()) == {"a": [UNREADABLE]}
    (key,) = read_json(f'{{"{text}": 1}}'.encode())
    assert key.encode()
    assert "\0" not in key


@pytest.mark.parametrize(
    ("place", "pointer"),
    [
        (("body",), ""),
        (("body", "price", "amount"), "/price/amount"),
        (("body", "items", 3, "name"), "/items/3/name"),
        (("body", "a/b~c"), "/a~1b~0c"),
        (("query", "limit"), "/limit"),
        (("query", "allergen_free", 0), "/allergen_free"),
    ],
)
def test_places_are_json_pointers(place: tuple[int | str, ...], pointer: str) -> None:
    assert pointer_of(place) == pointer


def faults_of(model: Any, body: bytes) -> set[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(read_json(body))
    errors = [{**error, "loc": ("body", *error["loc"])} for error in caught.value.errors()]
    found = invalid_request(RequestValidationError(errors))
    assert found.code == "invalid_body"
    return {(fault.pointer, fault.code) for fault in found.faults}  # type: ignore[attr-defined]


def test_all_faults_are_found_at_once() -> None:
    body = b'{"email": 1, "passwort": "x"}'
    assert faults_of(Credentials, body) == {
        ("/email", "wrong_type"),
        ("/password", "missing"),
        ("/passwort", "unknown_field"),
    }
    assert faults_of(ItemAdd, b'{"product_id": 7, "quantity": [1]}') == {
        ("/product_id", "wrong_type"),
        ("/quantity", "wrong_type"),
    }
    assert faults_of(CategoryCreate, b'{"name": "\\u0000", "slug": "Bad Slug", "position": 1.5}') == {
        ("/name", "unreadable_text"),
        ("/slug", "wrong_form"),
        ("/position", "wrong_type"),
    }


@pytest.mark.parametrize("text", [b"1.5", b"-3.1e162", b"5", b"true", b"null", b'"x"', b"[]"])
def test_what_is_no_object_is_no_body(text: bytes) -> None:
    # As FastAPI has it validated: also by attributes, of which a decimal has some.
    value = read_json(text)
    for model, sent in ((AdminChange, value), (ProductChange, {"nutrition": value, "sku": "x"})):
        if value is None and model is ProductChange:
            continue
        with pytest.raises(ValidationError) as found:
            model.model_validate(sent, from_attributes=True)
        assert [fault["type"] for fault in found.value.errors()] == ["eatit.wrong_type"]


def test_a_translation_into_another_language_is_a_fault_at_its_place() -> None:
    found = faults_of(ProductCreate, b'{"translations": {"de": {"name": "x"}, "en": {"title": "x"}}}')
    assert ("/translations/de", "not_one_of") in found
    assert ("/translations/en/title", "unknown_field") in found
