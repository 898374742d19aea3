"""Many at once: nothing is lost, nothing is made twice."""

from collections.abc import Callable
from typing import Any

from tests.gateway.shop import Api, Keeper, at_once, good, problem, unique


def test_fifty_parallel_adds_of_one_are_fifty(api: Api, keeper: Keeper) -> None:
    product = keeper.product(quantity_step=1)
    body = {"product_id": product["id"], "quantity": 1}
    token = api.post("/basket/items", body).headers["X-Basket-Token"]
    for answer in at_once([lambda: api.post("/basket/items", body, basket=token)] * 49):
        good(answer)
    basket = good(api.get("/basket", basket=token))
    assert [line["quantity"] for line in basket["items"]] == ["50.000"]
    assert basket["version"] == 50


def test_two_hundred_parallel_adds_all_count(api: Api, keeper: Keeper, register: Callable[[], Any]) -> None:
    product = keeper.product(quantity_step=1)
    body = {"product_id": product["id"], "quantity": 1}
    user, guest = register()["access_token"], api.post("/basket/items", body).headers["X-Basket-Token"]
    for caller, stands in (({"token": user}, 0), ({"basket": guest}, 1)):
        answers = at_once([lambda caller=caller: api.post("/basket/items", body, **caller)] * 200)  # type: ignore[misc]
        versions = [good(answer)["version"] for answer in answers]
        assert sorted(versions) == list(range(stands + 1, stands + 201))
        assert [good(answer)["items"][0]["quantity"] for answer in answers] == [
            f"{version}.000" for version in versions
        ]
        basket = good(api.get("/basket", **caller))
        assert ([line["quantity"] for line in basket["items"]], basket["version"]) == (
            [f"{stands + 200}.000"],
            stands + 200,
        )


def test_parallel_first_adds_of_one_user_make_one_basket(
    api: Api, register: Callable[[], Any], keeper: Keeper, sql: Any
) -> None:
    product = keeper.product(quantity_step=1)
    for _ in range(3):
        session = register()
        token, body = session["access_token"], {"product_id": product["id"], "quantity": 1}
        answers = at_once([lambda token=token, body=body: api.post("/basket/items", body, token=token)] * 10)  # type: ignore[misc]
        assert len({good(answer)["id"] for answer in answers}) == 1
        assert good(api.get("/basket", token=token))["items"][0]["quantity"] == "10.000"
        made = sql.execute("SELECT count(*) FROM basket.baskets WHERE user_id = %s", [session["user"]["id"]]).fetchone()
        assert made == (1,)


def test_parallel_adds_of_different_goods_all_stand(api: Api, keeper: Keeper, buyer: str) -> None:
    goods = [keeper.product()["id"] for _ in range(8)]
    for answer in at_once(
        [
            lambda product=product: api.post("/basket/items", {"product_id": product, "quantity": 1}, token=buyer)  # type: ignore[misc]
            for product in goods
        ]
    ):
        good(answer)
    assert {line["product_id"] for line in good(api.get("/basket", token=buyer))["items"]} == set(goods)


def test_parallel_changes_on_one_version_let_one_through(api: Api, keeper: Keeper, staff: str) -> None:
    product = keeper.product()
    path = f"/store/products/{product['id']}"
    etag = api.get(path, token=staff).headers["ETag"]
    answers = at_once(
        [
            lambda price=price: api.patch(  # type: ignore[misc]
                path, {"price": {"amount": price, "currency": "RUB"}}, token=staff, headers={"If-Match": etag}
            )
            for price in range(1, 9)
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    for answer in answers:
        if answer.status_code == 412:
            problem(answer, 412, "version_mismatch")
    assert good(api.get(path, token=staff))["version"] == 2


def test_of_parallel_products_one_gets_the_sku(api: Api, keeper: Keeper, staff: str) -> None:
    body = keeper.product_body()
    answers = at_once([lambda: api.post("/store/products", body, token=staff)] * 6)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "sku_taken")


def test_parallel_moves_cant_close_a_cycle(api: Api, keeper: Keeper, staff: str) -> None:
    for _ in range(6):
        # Each goes under the other's child, so that neither touches a row that the other changes.
        one, other = keeper.category(), keeper.category()
        child, others_child = keeper.category(parent_id=one["id"]), keeper.category(parent_id=other["id"])
        moves = [(one, others_child), (other, child)]
        answers = at_once(
            [
                lambda moved=moved, to=to: api.patch(  # type: ignore[misc]
                    f"/store/categories/{moved['id']}", {"parent_id": to["id"]}, token=staff
                )
                for moved, to in moves
            ]
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        for answer in answers:
            if answer.status_code == 409:
                problem(answer, 409, "category_cycle")


def test_a_burst_of_a_hundred_is_borne(api: Api) -> None:
    for answer in at_once([lambda: api.get(f"/store/products?q={unique()}")] * 100):
        good(answer)
