"""Checkout: one transaction from the basket to the order; what stops it, and what it leaves behind then."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.functions.buyers import DELIVERY, Buyer, stock_of
from tests.functions.calls import call, good, unique
from tests.functions.owners import refused


def told_of(sql: Any, order: Any) -> list[tuple[str, Any]]:
    rows = sql.execute("SELECT type, state FROM events.outbox WHERE aggregate_id = %s ORDER BY version", [order["id"]])
    return list(rows.fetchall())


@pytest.fixture
def reprice(change: Callable[[str, dict[str, Any]], None]) -> Callable[[str, int], None]:
    """Gives a product another price."""
    return lambda thing, amount: change(thing, {"price": {"amount": amount, "currency": "RUB"}})


def test_a_basket_becomes_an_order(buyer: Any, goods: Any, warehouse: Any, sql: Any) -> None:
    place = warehouse()
    cheese = goods({place: 5}, name="Сыр", translations={"en": {"name": "Cheese"}})
    bread = goods({place: 5}, name="Хлеб", price={"amount": 4990, "currency": "RUB"})
    anna: Buyer = buyer({cheese: "1.5", bread: 2})
    delivery = {**DELIVERY, "latitude": 55.75, "longitude": 37.62, "comment": "Домофон 5"}
    answer = anna.try_checkout(delivery=delivery, headers={"Accept-Language": "en"})
    order = good(answer, 201)
    assert answer.headers["location"].endswith(f"/basket/orders/{order['id']}")
    assert re.fullmatch(r"[2-9A-HJKMNP-TV-Z]{4}-[2-9A-HJKMNP-TV-Z]{4}", order["number"])
    assert [(line["name"], line["quantity"], line["line_total"]["amount"]) for line in order["items"]] == [
        ("Cheese", "1.500", 19485),
        ("Хлеб", "2.000", 9980),
    ]
    assert order["total"] == order["subtotal"] == {"amount": 29465, "currency": "RUB"}
    assert (order["status"], order["payment_status"], order["payment_method"]) == ("placed", "unpaid", "cash")
    assert (order["delivery"], order["warehouse_id"], order["version"]) == (delivery, place, 1)
    (step,) = order["history"]
    assert (step["status"], step["by"], step["by_role"], step["reason"]) == ("placed", anna.id, "customer", None)
    assert (stock_of(sql, cheese), stock_of(sql, bread)) == ((5, Decimal("1.5")), (5, 2))
    assert anna.basket()["items"] == []
    assert anna.order(order) == order
    ((kind, state),) = told_of(sql, order)
    assert (kind, state["user_id"], state["total"]["amount"]) == ("basket.order.placed", anna.id, 29465)
    told = str(state)
    assert not any(word in told for word in (*DELIVERY.values(), "Домофон", "37.62"))


def test_without_a_key_there_is_no_checkout(buyer: Any, goods: Any, warehouse: Any) -> None:
    anna = buyer({goods({warehouse(): 5}): 1})
    body = {"expected_total": anna.basket()["total"], "delivery": DELIVERY, "payment_method": "cash"}
    refused(call("POST", "/basket/checkout", body, token=anna.token), 400, "idempotency_key_required")
    refused(call("POST", "/basket/checkout", body), 401, "authentication_required")


def test_an_empty_basket_is_no_order(buyer: Any) -> None:
    anna = buyer()
    refused(anna.try_checkout(), 409, "basket_empty")
    body = {"expected_total": {"amount": 0, "currency": "RUB"}, "delivery": DELIVERY, "payment_method": "cash"}
    headers = {"Idempotency-Key": unique()}
    refused(call("POST", "/basket/checkout", body, token=Buyer().token, headers=headers), 409, "basket_empty")


def test_a_risen_price_needs_consent_and_a_fallen_one_is_passed_on(
    buyer: Any, goods: Any, warehouse: Any, reprice: Any, sql: Any
) -> None:
    place = warehouse()
    cheese, key = goods({place: 5}), unique("key")
    anna: Buyer = buyer({cheese: 1})
    seen = anna.basket()["total"]["amount"]
    reprice(cheese, seen + 100)
    answer = anna.try_checkout(total=seen, key=key)
    refused(answer, 409, "price_changed")
    assert answer.body["total"] == {"amount": seen + 100, "currency": "RUB"}
    assert stock_of(sql, cheese) == (5, 0)
    # The same key, now with consent: an error isn't kept.
    order = anna.checkout(total=seen + 100, key=key)
    assert order["total"]["amount"] == seen + 100
    anna.put({cheese: 1})
    reprice(cheese, seen - 100)
    assert anna.checkout(total=seen)["total"]["amount"] == seen - 100


@pytest.mark.parametrize(
    "rule", [{"quantity_step": "1", "min_quantity": "1"}, {"max_quantity": "1.4"}, {"min_quantity": "2"}]
)
def test_a_quantity_that_is_no_longer_sold_warns_and_stops_checkout(
    buyer: Any, goods: Any, warehouse: Any, change: Any, sql: Any, rule: dict[str, str]
) -> None:
    cheese, bread = (goods({place: 5}) for place in [warehouse()] * 2)
    anna: Buyer = buyer({cheese: "1.5", bread: 1})
    change(cheese, rule)
    assert anna.basket()["warnings"] == [{"code": "quantity_not_sold", "product_id": cheese}]
    key = unique("key")
    answer = anna.try_checkout(key=key)
    refused(answer, 409, "quantity_not_sold")
    assert answer.body["lines"] == [{"product_id": cheese, "quantity": "1.500"}]
    assert stock_of(sql, bread) == (5, 0)
    change(cheese, {"quantity_step": "0.1", "min_quantity": "0.1", "max_quantity": None})
    assert len(anna.checkout(key=key)["items"]) == 2


def test_what_is_short_is_named_and_nothing_is_left_behind(buyer: Any, goods: Any, warehouse: Any, sql: Any) -> None:
    place, other = warehouse(), warehouse()
    cheese, bread = goods({place: 2}), goods({place: 1, other: 1})
    anna: Buyer = buyer({cheese: 1, bread: 3})
    key = unique("key")
    answer = anna.try_checkout(warehouse_id=place, key=key)
    refused(answer, 409, "out_of_stock")
    assert answer.body["warehouse_id"] == place
    assert answer.body["lines"] == [{"product_id": bread, "available": "1.000"}]
    assert (stock_of(sql, cheese), stock_of(sql, bread)) == ((2, 0), (2, 0))
    assert len(anna.basket()["items"]) == 2
    good(call("PATCH", f"/basket/items/{bread}", {"quantity": "1"}, token=anna.token))
    assert anna.checkout(warehouse_id=place, key=key)["warehouse_id"] == place


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "unknown"])
def test_a_warehouse_that_is_closed_or_not_there_is_no_shortage(
    buyer: Any, goods: Any, warehouse: Any, staff: str, sql: Any, closed: bool
) -> None:
    place, nowhere, key = warehouse(), "019aa7c0-0000-7000-8000-000000000001", unique("key")
    if closed:
        nowhere = warehouse()
        good(call("PATCH", f"/store/warehouses/{nowhere}", {"active": False}, token=staff))
    cheese, gone = goods({place: 2}), goods({place: 2})
    anna = buyer({cheese: 1, gone: 1})
    sql.execute("UPDATE basket.products SET status = 'archived' WHERE id = %s", [gone])
    english = {"Accept-Language": "en"}
    answer = anna.try_checkout(warehouse_id=nowhere, key=key, headers=english)
    refused(answer, 422, "invalid_body")
    assert answer.body["errors"] == [
        {"pointer": "/warehouse_id", "code": "unknown_reference", "detail": "There is no such open warehouse."}
    ]
    assert stock_of(sql, cheese) == (2, 0)
    good(call("DELETE", f"/basket/items/{gone}", token=anna.token))
    assert anna.checkout(key=key)["warehouse_id"] == place


def test_the_nearest_warehouse_sends_it(buyer: Any, goods: Any, warehouse: Any) -> None:
    near, far = warehouse(latitude=10, longitude=10), warehouse(latitude=50, longitude=50)
    cheese = goods({near: 5, far: 5})
    place = {**DELIVERY, "latitude": 48, "longitude": 48}
    assert buyer({cheese: 1}).checkout(delivery=place)["warehouse_id"] == far


@pytest.mark.parametrize("known", [True, False])
def test_what_is_no_longer_sold_is_never_sold_for_nothing(
    buyer: Any, goods: Any, warehouse: Any, staff: str, sql: Any, known: bool
) -> None:
    """Whether the basket knows that it is gone already, or only the store does."""
    place = warehouse()
    cheese, bread = goods({place: 5}), goods({place: 5})
    anna: Buyer = buyer({cheese: 1, bread: 1})
    seen = anna.basket()["total"]["amount"]
    if known:
        sql.execute("UPDATE basket.products SET status = 'archived' WHERE id = %s", [cheese])
    else:
        sql.execute("UPDATE store.products SET status = 'archived' WHERE id = %s", [cheese])
    answer = anna.try_checkout(total=seen)
    refused(answer, 409, "out_of_stock")
    assert answer.body["lines"] == [{"product_id": cheese, "available": "0.000"}]
    assert stock_of(sql, bread) == (5, 0)


def test_one_key_is_one_order(buyer: Any, goods: Any, warehouse: Any, sql: Any) -> None:
    cheese, key = goods({warehouse(): 50}), unique("key")
    anna: Buyer = buyer({cheese: 1})
    total = anna.basket()["total"]["amount"]
    first = anna.try_checkout(key=key, total=total)
    second = anna.try_checkout(key=key, total=total)
    assert (second.status, second.content) == (first.status, first.content)
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]
    refused(anna.try_checkout(key=key, total=total + 1), 422, "idempotency_key_reused")
    assert stock_of(sql, cheese) == (50, 1)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"delivery": {**DELIVERY, "latitude": 1}}, ("/delivery/longitude", "contradiction")),
        ({"delivery": {**DELIVERY, "latitude": None, "longitude": 0}}, ("/delivery/latitude", "contradiction")),
        ({"delivery": {**DELIVERY, "latitude": 91, "longitude": 0}}, ("/delivery/latitude", "out_of_range")),
        ({"delivery": {**DELIVERY, "name": " "}}, ("/delivery/name", "wrong_length")),
        ({"delivery": {**DELIVERY, "phone": 7900}}, ("/delivery/phone", "wrong_type")),
        ({"delivery": {**DELIVERY, "address": "a" * 301}}, ("/delivery/address", "wrong_length")),
        ({"delivery": {**DELIVERY, "comment": "a\0b"}}, ("/delivery/comment", "unreadable_text")),
        ({"delivery": None}, ("/delivery", "wrong_type")),
        ({"payment_method": "gold"}, ("/payment_method", "not_one_of")),
        ({"warehouse_id": "x"}, ("/warehouse_id", "wrong_form")),
        ({"expected_total": {"amount": 1.5, "currency": "RUB"}}, ("/expected_total/amount", "wrong_type")),
        ({"expected_total": {"amount": -1, "currency": "RUB"}}, ("/expected_total/amount", "out_of_range")),
        ({"expected_total": {"amount": 1, "currency": "USD"}}, ("/expected_total/currency", "wrong_currency")),
        ({"discount": 100}, ("/discount", "unknown_field")),
    ],
)
def test_a_bad_body(given: dict[str, Any], fault: tuple[str, str]) -> None:
    answer = Buyer().try_checkout(total=1, **given)
    refused(answer, 422, "invalid_body")
    assert fault in {(each["pointer"], each["code"]) for each in answer.body["errors"]}


def test_numbers_tell_nothing() -> None:
    from basket.checkout import order_number

    assert len({order_number() for _ in range(10_000)}) > 9_990


def test_a_number_that_is_taken_is_drawn_anew(
    buyer: Any, goods: Any, warehouse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from basket.checkout import order_number

    anna: Buyer = buyer({goods({warehouse(): 5}): 1})
    taken = buyer({goods({warehouse(): 5}): 1}).checkout()["number"]
    fresh = order_number()
    drawn = iter([taken, taken, fresh])
    monkeypatch.setattr("basket.checkout.order_number", lambda: next(drawn))
    assert anna.checkout()["number"] == fresh
