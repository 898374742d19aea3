"""Events on the wire: written whole, read or refused with a reason; what the basket takes from a state."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from basket.product_copies import product_row, rows_of, stock_row
from eatit.events import MAX_BYTES, QUEUES, SCHEMA_VERSION, Event, UnreadableEvent, is_heard, read_event
from eatit.identifiers import uuid7
from tests.functions.events import product_message, product_state, stock_state

ID = UUID("019aa7c0-0000-7000-8000-000000000001")
AT = datetime(2026, 11, 21, 21, 0, 0, 5, timezone(timedelta(hours=3)))


def test_an_event_is_read_as_it_was_written() -> None:
    event = Event(uuid7(), "store.product.changed", 1, ID, 7, AT, "trace", {"имя": "Сыр", "id": str(ID)})
    body = json.loads(event.body())
    assert set(body) == {
        "id", "type", "schema_version", "aggregate_id", "version", "occurred_at", "trace_id", "state",
    }  # fmt: skip
    assert body["occurred_at"] == "2026-11-21T18:00:00.000005Z"
    assert read_event(event.body()) == event
    assert read_event(event.body()).occurred_at.astimezone(UTC) == AT


@given(some.binary(max_size=60))
def test_any_bytes_are_refused_with_one_reason(body: bytes) -> None:
    with pytest.raises(UnreadableEvent) as caught:
        read_event(body)
    assert caught.value.reason
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize(
    "field", ["id", "type", "schema_version", "aggregate_id", "version", "occurred_at", "trace_id", "state"]
)
@pytest.mark.parametrize("wrong", ["absent", None, 1.5, True, [], "x", {}])
def test_a_field_of_the_wrong_kind_is_refused(field: str, wrong: Any) -> None:
    value = json.loads(product_message(ID, 1))
    if wrong == "absent":
        del value[field]
    else:
        value[field] = wrong
    if (field, wrong) in (("type", "x"), ("trace_id", "x")) or (field == "state" and wrong == {}):
        read_event(json.dumps(value).encode())
    else:
        with pytest.raises(UnreadableEvent):
            read_event(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"id": "x"}, 'field "id" must be a UUID'),
        ({"id": 5}, 'field "id" must be a UUID'),
        ({"version": "1"}, 'field "version" must be a whole number'),
        ({"schema_version": True}, 'field "schema_version" must be a whole number'),
        ({"trace_id": None}, 'field "trace_id" must be a text'),
        ({"occurred_at": "gestern"}, 'field "occurred_at" must be a time'),
        ({"state": []}, 'field "state" must be an object'),
    ],
)
def test_what_is_wrong_with_an_event_is_said_plainly(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnreadableEvent) as caught:
        read_event(json.dumps({**json.loads(product_message(ID, 1)), **given}).encode())
    assert caught.value.reason == reason
    with pytest.raises(UnreadableEvent) as caught:
        read_event(b"{}")
    assert caught.value.reason == 'field "id" is absent'


def test_a_schema_from_the_future_is_refused_and_an_old_one_read() -> None:
    value = json.loads(product_message(ID, 1))
    for version in range(1, SCHEMA_VERSION + 1):
        assert read_event(json.dumps({**value, "schema_version": version}).encode()).schema_version == version
    with pytest.raises(UnreadableEvent) as caught:
        read_event(json.dumps({**value, "schema_version": SCHEMA_VERSION + 1}).encode())
    assert "newer" in caught.value.reason


def test_a_body_that_is_too_large_isnt_even_read() -> None:
    with pytest.raises(UnreadableEvent) as caught:
        read_event(b" " * (MAX_BYTES + 1))
    assert "bytes" in caught.value.reason


def test_a_type_is_heard_when_a_queue_is_bound_to_it() -> None:
    for kind in ("store.product.changed", "store.product.archived", "store.stock.changed", "store.import.advanced"):
        assert is_heard(kind)
    for kind in ("store.product", "store.product.changed.twice", "basket.order.placed", "store.stock.moved", ""):
        assert not is_heard(kind)
    assert set(QUEUES) == {"basket.product-sync", "auth.mail", "store.imports"}


def test_a_products_state_becomes_the_copys_rows() -> None:
    photos = [{"urls": {"small": "https://x/1.webp"}}]
    product, stock = rows_of(product_state(ID, 4, photos=photos, max_quantity="9.000", stock=stock_state(ID, 2)))
    assert (product["id"], product["version"], product["price_amount"]) == (ID, 4, 12990)
    assert (product["photo_url"], product["unit"], str(product["max_quantity"])) == ("https://x/1.webp", "kg", "9.000")
    assert product["translations"] == {"en": {"name": "Cheese"}}
    assert (stock["product_id"], stock["version"], str(stock["available"])) == (ID, 2, "3.000")


def test_what_is_sold_by_the_piece_is_counted_in_pieces() -> None:
    assert product_row(product_state(ID, 1, sold_by="piece", unit="g"))["unit"] == "piece"


@pytest.mark.parametrize(
    "given",
    [
        {"price": None},
        {"price": {"amount": 1.5, "currency": "RUB"}},
        {"price": {"amount": True, "currency": "RUB"}},
        {"price": {"amount": 2**63, "currency": "RUB"}},
        {"quantity_step": 0.5},
        {"quantity_step": "0"},
        {"quantity_step": "1e9"},
        {"min_quantity": "NaN"},
        {"max_quantity": "-1"},
        {"name": "a\0"},
        {"name": "x" * 10_001},
        {"name": None},
        {"translations": []},
        {"translations": {"en": "x"}},
        {"photos": [{}]},
        {"photos": [{"urls": {"small": 5}}]},
        {"translations": {"en": {"name": "a\0"}}},
        {"translations": {"en": {"name": ["x"]}}},
        {"max_quantity": "999999999.9999"},
        {"min_quantity": "0.0015"},
        {"stock": {**stock_state(ID, 2**63)}},
        {"stock": {**stock_state(ID, 1), "version": True}},
        {"id": "x"},
        {"stock": None},
        {"stock": {"product_id": str(ID), "version": "1", "available": "1", "by_warehouse": []}},
        {"stock": {**stock_state(ID, 1), "available": "-1"}},
        {"stock": {**stock_state(ID, 1), "by_warehouse": [{}]}},
    ],
)
def test_a_state_that_cant_be_stored_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UnreadableEvent):
        rows_of(product_state(ID, 1, **given))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"price": None}, 'a product\'s state: field "price.amount" is absent'),
        (
            {"price": {"amount": 1.5, "currency": "RUB"}},
            'a product\'s state: field "price.amount" must be a whole number',
        ),
        ({"price": {"amount": 2**63, "currency": "RUB"}}, "a product's state: field \"price.amount\" can't be stored"),
        ({"name": "a\0"}, "a product's state: field \"name\" can't be stored"),
        ({"quantity_step": "many"}, 'a product\'s state: field "quantity_step" must be a quantity'),
        ({"min_quantity": "NaN"}, 'a product\'s state: field "min_quantity" must be a quantity'),
        ({"translations": {"en": "x"}}, 'a product\'s state: field "translations.en" must be an object'),
        # On one line, and cut so that the quotes stay.
        ({"translations": {"q\u2028r\x85": 5}}, 'a product\'s state: field "translations.q r" must be an object'),
        ({"translations": {"x" * 80: 5}}, f'a product\'s state: field "translations.{"x" * 47}" must be an object'),
        ({"photos": [{}]}, 'a product\'s state: field "photos.0.urls.small" is absent'),
        (
            {"stock": {**stock_state(ID, 1), "by_warehouse": [{}]}},
            'a stock\'s state: field "by_warehouse.0.warehouse_id" is absent',
        ),
        ({"stock": {**stock_state(ID, 1), "available": 7}}, 'a stock\'s state: field "available" must be a text'),
        ({"stock": None}, 'a product\'s state: field "stock" must be an object'),
    ],
)
def test_what_is_wrong_with_a_state_is_said_plainly(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnreadableEvent) as caught:
        rows_of(product_state(ID, 1, **given))
    assert caught.value.reason == f"not {reason}"


def test_a_stock_may_be_none_at_all() -> None:
    assert stock_row(stock_state(ID, 0, "0.000"), 0)["available"] == 0


def test_a_stock_may_lie_in_a_thousand_warehouses() -> None:
    places = [{"warehouse_id": str(uuid7()), "available": "1.000"} for _ in range(1000)]
    _, stock = rows_of(product_state(ID, 1, stock={**stock_state(ID, 1), "by_warehouse": places}))
    assert len(stock["by_warehouse"]) == 1000
