"""A customer buys, as a shop's client would have them: checkout, the order on its way, the receipt, the same again."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway.shop import Api, Keeper, at_once, eventually, good, problem, unique

DELIVERY = {"name": "Анна", "phone": "+7 900 000-00-00", "address": "улица Вторая, 2"}


class Shop:
    """A warehouse of the test's own, with goods in it."""

    def __init__(self, api: Api, keeper: Keeper, staff: str) -> None:
        self.api, self.keeper, self.staff = api, keeper, staff
        body = {"code": unique("w"), "name": "Склад", "address": "улица Первая, 1"}
        self.place = good(api.post("/store/warehouses", body, token=staff), 201)["id"]

    def goods(self, quantity: str, **given: Any) -> Any:
        thing = self.keeper.product(**given)
        body = {"kind": "receive", "warehouse_id": self.place, "quantity": quantity, "reason": "test"}
        good(self.api.post("/store/stock/movements", {**body, "product_id": thing["id"]}, token=self.staff), 201)
        return thing

    def fill(self, token: str, thing: Any, quantity: str = "1") -> Any:
        return good(self.api.post("/basket/items", {"product_id": thing["id"], "quantity": quantity}, token=token))

    def checkout(self, token: str, total: Any, key: str, **given: Any) -> Any:
        body = {"expected_total": total, "delivery": DELIVERY, "payment_method": "cash", "warehouse_id": self.place}
        return self.api.post("/basket/checkout", {**body, **given}, token=token, headers={"Idempotency-Key": key})

    def balance(self, thing: Any) -> tuple[str, str]:
        rows = good(self.api.get(f"/store/products/{thing['id']}/stock", token=self.staff))["items"]
        (row,) = [row for row in rows if row["warehouse_id"] == self.place]
        return row["on_hand"], row["reserved"]


@pytest.fixture
def shop(api: Api, keeper: Keeper, staff: str) -> Shop:
    return Shop(api, keeper, staff)


def test_from_the_basket_to_the_door(api: Api, shop: Shop, buyer: str, staff: str) -> None:
    cheese = shop.goods("5")
    total = shop.fill(buyer, cheese, "1.5")["total"]
    key = unique("key")
    answer = shop.checkout(buyer, total, key)
    order = good(answer, 201)
    assert (order["status"], order["total"], order["warehouse_id"]) == ("placed", total, shop.place)
    assert answer.headers["ETag"].startswith('"1.')
    again = shop.checkout(buyer, total, key)
    assert (again.status_code, again.content) == (201, answer.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    location = answer.headers["Location"]
    assert location.endswith(f"/basket/orders/{order['id']}")
    path = f"/basket/orders/{order['id']}"
    assert good(api.get(path, token=buyer)) == order
    assert shop.balance(cheese) == ("5.000", "1.500")
    assert good(api.get("/basket", token=buyer))["items"] == []
    receipt = api.get(f"{path}/receipt", token=buyer, headers={"Accept-Language": "en"})
    assert receipt.headers["Content-Type"] == "text/html; charset=utf-8"
    assert order["number"] in receipt.text
    problem(api.patch(path, {"status": "delivered"}, token=staff), 409, "illegal_transition")
    for status in ("picking", "delivering", "delivered"):
        good(api.patch(path, {"status": status}, token=staff))
    assert shop.balance(cheese) == ("3.500", "0.000")
    problem(api.post(f"{path}/cancel", token=buyer), 409, "illegal_transition")
    basket = good(api.post(f"{path}/reorder", token=buyer))
    assert [(line["product_id"], line["quantity"]) for line in basket["items"]] == [(cheese["id"], "1.500")]
    listed = good(api.get("/basket/orders", token=buyer))["items"]
    assert [each["id"] for each in listed] == [order["id"]]
    # The baskets learn what is left by the event of the sale.
    eventually(lambda: _is(good(api.get("/basket", token=buyer))["items"][0]["available"], "3.500"))


def _is(found: Any, wanted: Any) -> None:
    assert found == wanted


def test_what_stops_a_checkout_is_said_in_both_languages(api: Api, shop: Shop, buyer: str) -> None:
    cheese = shop.goods("1")
    total = shop.fill(buyer, cheese, "2")["total"]
    less = {**total, "amount": total["amount"] - 1}
    body = problem(shop.checkout(buyer, less, unique()), 409, "price_changed")
    assert body["total"] == total
    short = problem(shop.checkout(buyer, total, unique()), 409, "out_of_stock")
    assert (short["warehouse_id"], short["lines"]) == (
        shop.place, [{"product_id": cheese["id"], "available": "1.000"}],
    )  # fmt: skip
    good(api.delete("/basket", token=buyer))
    headers = {"Idempotency-Key": unique(), "Accept-Language": "ru"}
    wanted = {"expected_total": total, "delivery": DELIVERY, "payment_method": "cash"}
    empty = problem(api.post("/basket/checkout", wanted, token=buyer, headers=headers), 409, "basket_empty")
    assert empty["title"] == "Корзина пуста"
    problem(api.post("/basket/checkout", wanted, token=buyer), 400, "idempotency_key_required")
    problem(api.post("/basket/checkout", wanted, headers=headers), 401, "authentication_required")
    assert shop.balance(cheese) == ("1.000", "0.000")


def test_one_key_from_many_tabs_is_one_order(api: Api, shop: Shop, buyer: str) -> None:
    cheese = shop.goods("50")
    total = shop.fill(buyer, cheese)["total"]
    key = unique("key")
    answers = at_once([lambda: shop.checkout(buyer, total, key) for _ in range(20)])
    made = {answer.content for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert {answer.status_code for answer in answers} <= {201, 409, 429, 503}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"request_in_progress"}
    assert shop.balance(cheese) == ("50.000", "1.000")
    assert len(good(api.get("/basket/orders", token=buyer))["items"]) == 1


def test_two_tabs_with_keys_of_their_own_are_one_order(api: Api, shop: Shop, buyer: str) -> None:
    cheese = shop.goods("50")
    total = shop.fill(buyer, cheese)["total"]
    answers = at_once([lambda: shop.checkout(buyer, total, unique("key")) for _ in range(6)])
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert shop.balance(cheese) == ("50.000", "1.000")


def test_the_last_three_go_to_three(api: Api, shop: Shop, register: Callable[[], Any]) -> None:
    cheese = shop.goods("3")
    crowd = [str(register()["access_token"]) for _ in range(8)]
    (total, *_) = [shop.fill(token, cheese)["total"] for token in crowd]
    answers = at_once([lambda token=token: shop.checkout(token, total, unique("key")) for token in crowd])  # type: ignore[misc]
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    assert shop.balance(cheese) == ("3.000", "3.000")


def test_a_changing_order_under_if_match(api: Api, shop: Shop, buyer: str, staff: str) -> None:
    cheese = shop.goods("5")
    order = good(shop.checkout(buyer, shop.fill(buyer, cheese)["total"], unique()), 201)
    path = f"/basket/orders/{order['id']}"
    tag = api.get(path, token=staff).headers["ETag"]
    answers = at_once(
        [
            lambda status=status: api.patch(path, {"status": status}, token=staff, headers={"If-Match": tag})  # type: ignore[misc]
            for status in ("paid", "picking", "cancelled")
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    assert good(api.get(path, token=staff))["version"] == 2


def test_an_order_that_is_not_there(api: Api, buyer: str, staff: str) -> None:
    for token in (buyer, staff):
        problem(api.get(f"/basket/orders/{uuid.uuid4()}", token=token), 404, "not_found")
        problem(api.get("/basket/orders/1", token=token), 404, "not_found")
    problem(api.call("PUT", f"/basket/orders/{uuid.uuid4()}", token=staff), 405, "method_not_allowed")
