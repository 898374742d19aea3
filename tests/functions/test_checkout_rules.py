"""What a shop's own settings make of checkout: open orders of cash, the delivery's fee, the least order."""

from typing import Any

import pytest

from tests.functions.buyers import Buyer, stock_of
from tests.functions.calls import call, good
from tests.functions.owners import refused


def test_a_customer_has_no_more_open_orders_of_cash_than_may_be(
    buyer: Any, goods: Any, warehouse: Any, staff: str, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eatit.settings import settings

    monkeypatch.setenv("OPEN_CASH_ORDERS", "2")
    settings.cache_clear()
    try:
        cheese = goods({warehouse(): 50})
        anna: Buyer = buyer({cheese: 1})
        orders = []
        for _ in range(2):
            orders.append(anna.checkout())
            anna.put({cheese: 1})
        answer = anna.try_checkout()
        refused(answer, 409, "too_many_open_orders")
        assert answer.body["open_orders"] == 2
        assert stock_of(sql, cheese) == (50, 2)
        online = anna.checkout(payment_method="telegram")
        assert online["status"] == "placed"
        # Another customer's are their own; and one that is paid or cancelled isn't owed any more.
        assert buyer({cheese: 1}).checkout()["status"] == "placed"
        for path, body, method in (
            (f"/basket/orders/{orders[0]['id']}", {"payment_status": "paid"}, "PATCH"),
            (f"/basket/orders/{orders[1]['id']}/cancel", {}, "POST"),
        ):
            anna.put({cheese: 1})
            refused(anna.try_checkout(), 409, "too_many_open_orders")
            good(call(method, path, body, token=staff))
            anna.checkout()
        # A shop that comes to allow fewer tells of all there are.
        monkeypatch.setenv("OPEN_CASH_ORDERS", "1")
        settings.cache_clear()
        anna.put({cheese: 1})
        answer = anna.try_checkout()
        refused(answer, 409, "too_many_open_orders")
        assert answer.body["open_orders"] == 2
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_fee_free_delivery_and_the_least_order(
    buyer: Any, goods: Any, warehouse: Any, change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eatit.settings import settings

    rules = {"DELIVERY_FEE": "19900", "DELIVERY_FREE_FROM": "30000", "MINIMUM_ORDER": "10000"}
    for name, value in rules.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    try:
        cheese = goods({warehouse(): 50}, price={"amount": 10000, "currency": "RUB"})
        anna: Buyer = buyer({cheese: "0.5"})
        basket = anna.basket()
        assert (basket["fee_total"]["amount"], basket["total"]["amount"]) == (19900, 24900)
        assert (basket["minimum_order"]["amount"], basket["fee_free_from"]["amount"]) == (10000, 30000)
        answer = anna.try_checkout()
        refused(answer, 409, "below_minimum_order")
        assert answer.body["minimum_order"] == {"amount": 10000, "currency": "RUB"}
        # Too little because something isn't sold any more: that is what is told.
        bread = goods({warehouse(): 50}, price={"amount": 10000, "currency": "RUB"})
        anna.put({bread: 1})
        change(bread, {"status": "archived"})
        answer = anna.try_checkout()
        refused(answer, 409, "out_of_stock")
        assert {"product_id": bread, "available": "0.000"} in answer.body["lines"]
        good(call("DELETE", f"/basket/items/{bread}", token=anna.token))
        anna.put({cheese: "0.5"})
        order = anna.checkout()
        assert (order["subtotal"]["amount"], order["fee_total"]["amount"], order["total"]["amount"]) == (
            10000, 19900, 29900,
        )  # fmt: skip
        anna.put({cheese: 3})
        assert anna.checkout()["fee_total"]["amount"] == 0
        assert anna.basket()["total"]["amount"] == 0, "an empty basket costs nothing"
    finally:
        monkeypatch.undo()
        settings.cache_clear()
