"""Cursors carry the last row's keys, their list's sort and filters, and can be read by no other list."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some

from eatit.errors import DomainError
from eatit.paging import make_cursor, page_of, read_cursor

FILTERS: dict[str, Any] = {"category": uuid4(), "q": None, "allergens": ("milk", "nuts")}
names = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)


@given(names, some.uuids())
def test_keys_come_back_as_they_went(name: str, identifier: UUID) -> None:
    cursor = make_cursor("name", FILTERS, [name, identifier])
    assert cursor.isascii()
    assert read_cursor(cursor, "name", FILTERS, [str, UUID]) == [name, identifier]


def test_numbers_and_times_come_back_too() -> None:
    at = datetime.fromisoformat("2026-11-21T18:00:00.123456+00:00")
    cursor = make_cursor("-created_at", {}, [at, 2**62])
    assert read_cursor(cursor, "-created_at", {}, [datetime.fromisoformat, int]) == [at, 2**62]  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("sort", "filters", "kinds"),
    [
        ("price", FILTERS, [str, UUID]),
        ("name", {**FILTERS, "q": "x"}, [str, UUID]),
        ("name", {}, [str, UUID]),
        ("name", FILTERS, [str]),
        ("name", FILTERS, [int, UUID]),
        ("name", FILTERS, [UUID, UUID]),
    ],
)
def test_another_list_cant_read_it(sort: str, filters: dict[str, Any], kinds: list[type]) -> None:
    cursor = make_cursor("name", FILTERS, ["x", uuid4()])
    with pytest.raises(DomainError, match="invalid_cursor"):
        read_cursor(cursor, sort, filters, kinds)


@pytest.mark.parametrize("keys", [[2**63], [-(2**63)], [True], [1.5], [None], ["1"]])
def test_a_number_that_no_column_holds_is_refused(keys: list[Any]) -> None:
    with pytest.raises(DomainError, match="invalid_cursor"):
        read_cursor(make_cursor("price", {}, keys), "price", {}, [int])


@given(some.text(max_size=60))
def test_any_text_is_read_or_refused(cursor: str) -> None:
    with pytest.raises(DomainError, match="invalid_cursor"):
        read_cursor(cursor, "name", {}, [str])


def test_one_row_more_than_asked_tells_that_more_follow() -> None:
    assert page_of([1, 2, 3], 2) == ([1, 2], True)
    assert page_of([1, 2], 2) == ([1, 2], False)
    assert page_of([], 2) == ([], False)
