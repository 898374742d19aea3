"""Accepting prices: the present ones become the seen ones, of what is on sale, and nothing else moves."""

from typing import Any

import pytest

from tests.functions.calls import Answer, call, good, product, unique
from tests.functions.held import overtaken

LINE = """WITH b AS (UPDATE basket.baskets SET version = version + 1, updated_at = now() WHERE id = %s RETURNING id)
    INSERT INTO basket.lines (basket_id, product_id, quantity, price_seen) SELECT id, %s, 3, 100 FROM b"""
SWEPT = "DELETE FROM basket.baskets WHERE id = %s"


class Holder:
    """A user or a guest with a basket."""

    def __init__(self, kind: str, user: Any) -> None:
        self.token = user["access_token"] if kind == "user" else None
        self.headers: dict[str, str] = {}

    def add(self, product_id: str, quantity: Any = 1) -> Any:
        body = {"product_id": product_id, "quantity": quantity}
        answer = call("POST", "/basket/items", body, token=self.token, headers=self.headers)
        if "x-basket-token" in answer.headers:
            self.headers = {"X-Basket-Token": answer.headers["x-basket-token"]}
        return good(answer)

    def get(self) -> Any:
        return good(call("GET", "/basket", token=self.token, headers=self.headers))

    def accept(self, **headers: str) -> Answer:
        return call("POST", "/basket/accept-prices", token=self.token, headers={**self.headers, **headers})


@pytest.fixture(params=["user", "guest"])
def holder(request: pytest.FixtureRequest, customer: Any) -> Holder:
    return Holder(request.param, customer)


def reprice(sql: Any, product_id: str, amount: int) -> None:
    changed = sql.execute("UPDATE basket.products SET price_amount = %s WHERE id = %s", [amount, product_id])
    assert changed.rowcount == 1


def test_the_present_prices_become_the_seen_ones(staff: str, sql: Any, holder: Holder) -> None:
    rose, fell, same = (product(staff)["id"] for _ in range(3))
    for each in (rose, fell, same):
        holder.add(each, 2)
    reprice(sql, rose, 20000)
    reprice(sql, fell, 5000)
    before = holder.get()
    assert {warning["code"] for warning in before["warnings"]} >= {"price_rose", "price_fell"}
    accepted = good(holder.accept())
    assert [line["price_seen"]["amount"] for line in accepted["items"]] == [20000, 5000, 12990]
    assert {warning["code"] for warning in accepted["warnings"]} == {"out_of_stock"}
    assert accepted["version"] == before["version"] + 1
    assert accepted["total"] == before["total"] == {"amount": 2 * (20000 + 5000 + 12990), "currency": "RUB"}
    assert holder.get() == accepted


def test_prices_that_didnt_move_change_nothing(staff: str, holder: Holder) -> None:
    before = holder.add(product(staff)["id"])
    assert [good(holder.accept()) for _ in range(2)] == [before] * 2


def test_what_isnt_on_sale_keeps_the_price_that_was_seen(staff: str, sql: Any, holder: Holder) -> None:
    gone, lost, rose = (product(staff)["id"] for _ in range(3))
    for each in (gone, lost):
        holder.add(each)
    before = holder.add(rose)
    sql.execute("UPDATE basket.products SET status = 'archived', price_amount = 1 WHERE id = %s", [gone])
    sql.execute("DELETE FROM basket.products WHERE id = %s", [lost])
    assert good(holder.accept())["version"] == before["version"]
    reprice(sql, rose, 20000)
    accepted = good(holder.accept())
    assert [line["price_seen"]["amount"] for line in accepted["items"]] == [12990, 12990, 20000]


def test_nobody_has_an_empty_basket(customer: Any) -> None:
    for token in (None, customer["access_token"]):
        answer = call("POST", "/basket/accept-prices", token=token)
        basket = good(answer)
        assert (basket["id"], basket["version"], basket["items"]) == (None, 0, [])
        assert "x-basket-token" not in answer.headers


def test_nobodys_key_is_read_and_ignored() -> None:
    headers = {"Idempotency-Key": unique("key")}
    answers = [call("POST", "/basket/accept-prices", headers=headers) for _ in range(2)]
    assert all(good(answer)["id"] is None and "idempotency-replayed" not in answer.headers for answer in answers)
    bad = call("POST", "/basket/accept-prices", headers={"Idempotency-Key": "two words"})
    assert (bad.status, bad.body["code"]) == (400, "invalid_header")


@pytest.mark.parametrize(("language", "title"), [("ru", "Такой корзины нет"), ("en", "There is no such basket")])
def test_an_unknown_token_is_404(language: str, title: str) -> None:
    headers = {"X-Basket-Token": "nobodys", "Accept-Language": language}
    gone = call("POST", "/basket/accept-prices", headers=headers)
    assert (gone.status, gone.body["code"], gone.body["title"]) == (404, "basket_not_found", title)


def test_a_key_gives_the_same_answer_again(staff: str, sql: Any, holder: Holder) -> None:
    made, key = product(staff)["id"], unique("key")
    holder.add(made)
    reprice(sql, made, 20000)
    first = holder.accept(**{"Idempotency-Key": key})
    reprice(sql, made, 30000)
    again = holder.accept(**{"Idempotency-Key": key})
    assert good(again) == good(first)
    assert again.headers["idempotency-replayed"] == "true"
    assert holder.get()["items"][0]["price_seen"]["amount"] == 20000


@pytest.mark.parametrize("keyed", [False, True], ids=["plain", "keyed"])
def test_a_line_that_comes_meanwhile_is_answered_too(
    shop: Any, staff: str, sql: Any, holder: Holder, keyed: bool
) -> None:
    made, late = product(staff)["id"], product(staff)["id"]
    holder.add(made)
    Holder("guest", {}).add(late)  # so that the basket knows it
    reprice(sql, made, 20000)
    headers = {"Idempotency-Key": unique("key")} if keyed else {}
    with overtaken(shop["database_url"], LINE, [holder.get()["id"], late]):
        accepted = good(holder.accept(**headers))
    assert accepted["version"] == 3
    assert [line["price_seen"]["amount"] for line in accepted["items"]] == [20000, 12990]
    assert holder.get() == accepted


def test_a_basket_that_is_swept_meanwhile_is_gone(shop: Any, staff: str, sql: Any, holder: Holder) -> None:
    made = product(staff)["id"]
    basket = holder.add(made)["id"]
    reprice(sql, made, 20000)
    with overtaken(shop["database_url"], SWEPT, [basket]):
        answer = holder.accept()
    if holder.token is None:
        assert (answer.status, answer.body["code"]) == (404, "basket_not_found")
    else:
        assert good(answer)["items"] == []
