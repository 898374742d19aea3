"""Signing in with a guest's basket, as a client lives it: merged once, whatever else goes on with both baskets."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from tests.gateway.shop import Api, Keeper, at_once, eventually, faults, good, problem, unique


def add(api: Api, product: Any, quantity: Any = 1, **caller: Any) -> Any:
    return api.post("/basket/items", {"product_id": product["id"], "quantity": quantity}, **caller)


def merge(api: Api, guest: str, user: str, **headers: str) -> Any:
    return api.post("/basket/merge", {"basket_token": guest}, token=user, headers=headers)


def quantities(basket: Any) -> dict[str, str]:
    return {line["product_id"]: line["quantity"] for line in basket["items"]}


def test_a_guest_signs_in_and_keeps_the_basket(api: Api, keeper: Keeper, buyer: str) -> None:
    cheese, bread, milk = (keeper.product(quantity_step=1, max_quantity=5) for _ in range(3))
    guest = add(api, cheese, 2).headers["X-Basket-Token"]
    good(add(api, bread, 4, basket=guest))
    good(add(api, bread, 3, token=buyer))
    good(add(api, milk, 1, token=buyer))
    answer = api.post("/basket/merge", {"basket_token": guest}, token=buyer, basket=guest)
    merged = good(answer)
    assert quantities(merged) == {bread["id"]: "5.000", milk["id"]: "1.000", cheese["id"]: "2.000"}
    assert merged.pop("merged") == [
        {"product_id": cheese["id"], "from": "0.000", "to": "2.000", "code": "added"},
        {"product_id": bread["id"], "from": "3.000", "to": "5.000", "code": "capped"},
    ]
    assert answer.headers["ETag"].startswith(f'"{merged["version"]}.')
    assert good(api.get("/basket", token=buyer)) == merged
    again = good(api.post("/basket/merge", {"basket_token": guest, "policy": "replace"}, token=buyer))
    assert again == {**merged, "merged": []}
    for request in (
        api.get("/basket", basket=guest),
        api.delete("/basket", basket=guest),
        add(api, cheese, basket=guest),
        api.patch(f"/basket/items/{cheese['id']}", {"quantity": 1}, basket=guest),
        api.delete(f"/basket/items/{cheese['id']}", basket=guest),
        api.post("/basket/accept-prices", basket=guest),
    ):
        problem(request, 404, "basket_not_found")


def test_a_merge_that_cant_be_understood_is_refused(api: Api, product: Any, buyer: str) -> None:
    guest = add(api, product).headers["X-Basket-Token"]
    for language in ("en", "ru"):
        headers = {"Accept-Language": language}
        wrong = api.post(
            "/basket/merge", {"basket_token": "x" * 900_000, "policy": "all"}, token=buyer, headers=headers
        )
        assert faults(wrong) == {("/basket_token", "wrong_length"), ("/policy", "not_one_of")}
        assert wrong.headers["Content-Language"] == language
    assert faults(api.post("/basket/merge", {}, token=buyer)) == {("/basket_token", "missing")}
    problem(api.post("/basket/merge", {"basket_token": guest}), 401, "authentication_required")
    problem(api.post("/basket/merge", {"basket_token": guest}, basket=guest), 401, "authentication_required")
    too_large = api.post("/basket/merge", {"basket_token": "x" * 2**20}, token=buyer)
    assert too_large.status_code == 413
    assert good(api.get("/basket", basket=guest))["version"] == 1


def test_a_price_that_rose_since_the_guest_saw_it_still_needs_consent(api: Api, keeper: Keeper, buyer: str) -> None:
    product = keeper.product(price={"amount": 10000, "currency": "RUB"})
    guest = add(api, product).headers["X-Basket-Token"]
    keeper.change(product, price={"amount": 15000, "currency": "RUB"})

    def rose() -> None:
        assert "price_rose" in good(api.get("/basket", basket=guest))["items"][0]["warnings"]

    eventually(rose)
    merged = good(merge(api, guest, buyer))
    line = merged["items"][0]
    assert (line["price_seen"]["amount"], line["price"]["amount"]) == (10000, 15000)
    assert "price_rose" in line["warnings"]
    accepted = good(api.post("/basket/accept-prices", token=buyer))
    assert accepted["items"][0]["price_seen"]["amount"] == 15000
    assert "price_rose" not in accepted["items"][0]["warnings"]
    assert accepted["total"] == merged["total"]
    assert good(api.post("/basket/accept-prices", token=buyer))["version"] == accepted["version"]


def test_ten_merges_of_one_basket_are_one(api: Api, product: Any, buyer: str) -> None:
    guest = add(api, product, 3).headers["X-Basket-Token"]
    good(add(api, product, 1, token=buyer))
    keyed = partial(merge, api, guest, buyer, **{"Idempotency-Key": unique("key")})
    answers = at_once([partial(merge, api, guest, buyer), keyed] * 5)
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "request_in_progress")
        else:
            assert quantities(good(answer)) == {product["id"]: "4.000"}
    first = [answer for answer in answers if answer.ok and "Idempotency-Replayed" not in answer.headers]
    assert sum(bool(good(answer)["merged"]) for answer in first) == 1
    assert quantities(good(api.get("/basket", token=buyer))) == {product["id"]: "4.000"}


def test_of_two_users_who_merge_one_basket_one_gets_it(api: Api, keeper: Keeper, register: Callable[[], Any]) -> None:
    product = keeper.product(quantity_step=1)
    users = [register()["access_token"] for _ in range(2)]
    for _ in range(10):
        guest = add(api, product, 1).headers["X-Basket-Token"]
        answers = at_once([partial(merge, api, guest, user) for user in users] * 2)
        assert sorted(len(good(answer)["merged"]) for answer in answers) == [0, 0, 0, 1]
    lines = [line for user in users for line in good(api.get("/basket", token=user))["items"]]
    assert sum(Decimal(line["quantity"]) for line in lines) == 10


def test_nothing_is_lost_when_all_happens_at_once(api: Api, keeper: Keeper, register: Callable[[], Any]) -> None:
    """Adds of both kinds beside the merge: each that was answered 200 is in the user's basket, each other was told."""
    goods = [keeper.product(quantity_step=1) for _ in range(3)]
    for _ in range(8):
        user = register()["access_token"]
        guest = add(api, goods[0]).headers["X-Basket-Token"]
        guests = [partial(add, api, product, basket=guest) for product in goods] * 3
        users = [partial(add, api, product, token=user) for product in goods] * 2
        answers = at_once([*guests[:3], *users, *[partial(merge, api, guest, user)] * 2, *guests[3:]])
        for answer in answers:
            if answer.status_code == 404:
                assert answer.request.headers["X-Basket-Token"] == guest
                problem(answer, 404, "basket_not_found")
            else:
                good(answer)
        added = [answer for answer in answers if answer.ok and answer.request.path_url.endswith("/items")]
        basket = good(api.get("/basket", token=user))
        assert sum(Decimal(line["quantity"]) for line in basket["items"]) == 1 + len(added)
