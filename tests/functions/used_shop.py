"""A shop after a day: goods moved between two warehouses, orders in every state, money taken and given back."""

from typing import Any

from tests.functions.buyers import Buyer
from tests.functions.calls import call, good, product, unique

WAYS = {
    "paid": ["paid"],
    "picking": ["picking"],
    "delivering": ["picking", "delivering"],
    "delivered": ["paid", "picking", "delivering", "delivered"],
    "paid_at_the_door": ["picking", "delivering", "delivered"],
    "cancelled": ["cancelled"],
    "given_back": ["paid", "cancelled"],
    "refunded_in_part": ["paid"],
}


class UsedShop:
    """Made by a staff member's token. `names`: the ids of what it has, by name; of orders by what became of them."""

    def __init__(self, staff: str) -> None:
        self._staff = staff
        self._place, self._other = self._warehouse(), self._warehouse()
        self._cheese = self._goods(self._place, self._other, price={"amount": 12345, "currency": "RUB"})
        self._bread = self._goods(self._place, self._other, sold_by="piece", quantity_step="1")
        self._move(self._cheese, "write_off", "1.5")
        self._move(self._cheese, "adjust", "-0.5")
        self._move(self._cheese, "transfer", "3", to_warehouse_id=self._other)
        orders = {"placed": self._order()}
        for name, way in WAYS.items():
            orders[name] = self._order()
            for status in way:
                self._change(f"/basket/orders/{orders[name]}", status=status)
        orders["online"] = self._order(payment_method="telegram")
        self._refund(orders["given_back"])
        self._refund(orders["refunded_in_part"], amount={"amount": 100, "currency": "RUB"})
        self._change(f"/store/products/{self._cheese}", price={"amount": 23456, "currency": "RUB"})
        self._change(f"/store/products/{self._goods(self._place)}", status="archived")
        closed = self._warehouse()
        self._goods(closed)
        self._change(f"/store/warehouses/{closed}", active=False)
        things = {"cheese": self._cheese, "bread": self._bread, "place": self._place, "other": self._other}
        self.names: dict[str, str] = {**things, **orders}

    def _warehouse(self) -> str:
        body = {"code": unique("w"), "name": "Склад", "address": "улица Первая, 1"}
        return str(good(call("POST", "/store/warehouses", body, token=self._staff), 201)["id"])

    def _goods(self, *places: str, **given: Any) -> str:
        thing = str(product(self._staff, **given)["id"])
        for place in places:
            self._move(thing, "receive", "100", warehouse_id=place)
        return thing

    def _move(self, thing: str, kind: str, quantity: str, **given: Any) -> None:
        body = {"kind": kind, "quantity": quantity, "product_id": thing, "warehouse_id": self._place, **given}
        good(call("POST", "/store/stock/movements", {**body, "reason": "test"}, token=self._staff), 201)

    def _change(self, path: str, **given: Any) -> None:
        good(call("PATCH", path, given, token=self._staff))

    def _order(self, **given: Any) -> str:
        order = Buyer({self._cheese: "1.5", self._bread: 2}).checkout(warehouse_id=self._place, **given)
        return str(order["id"])

    def _refund(self, order: str, **given: Any) -> None:
        headers = {"Idempotency-Key": unique("key")}
        body = {"reason": "test", **given}
        good(call("POST", f"/basket/orders/{order}/refunds", body, token=self._staff, headers=headers), 201)
