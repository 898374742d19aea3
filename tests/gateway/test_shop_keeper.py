"""The walk of a shop keeper: units, categories, products made, changed and archived, and what baskets see of it."""

from typing import Any

from tests.gateway.shop import Api, Keeper, eventually, good, gtin13, problem, unique


def test_units_are_kept(api: Api, keeper: Keeper, staff: str) -> None:
    made = api.post(
        "/store/units", {"code": unique("u"), "name": "фунт", "dimension": "mass", "factor": "453.59237"}, token=staff
    )
    unit = good(made, 201)
    path = made.headers["Location"]
    assert path == f"/store/units/{unit['id']}"
    assert (unit["factor"], unit["version"]) == ("453.59237", 1)
    changed = good(api.patch(path, {"name": "pound", "factor": 500}, token=staff))
    assert (changed["name"], changed["factor"], changed["version"]) == ("pound", "500", 2)
    again = {"code": unit["code"], "name": "x", "dimension": "mass", "factor": 1}
    problem(api.post("/store/units", again, token=staff), 409, "code_taken")

    product = keeper.product(unit_id=unit["id"])
    problem(api.delete(path, token=staff), 409, "in_use")
    problem(api.patch(path, {"factor": "1"}, token=staff), 409, "in_use")
    good(api.patch(path, {"name": "still a name"}, token=staff))
    keeper.change(product, unit_id=keeper.unit()["id"])
    assert api.delete(path, token=staff).status_code == 204
    problem(api.get(path), 404, "not_found")
    problem(api.delete(path, token=staff), 404, "not_found")


def test_categories_are_a_tree(api: Api, keeper: Keeper, staff: str) -> None:
    top = keeper.category()
    middle = keeper.category(parent_id=top["id"])
    bottom = keeper.category(parent_id=middle["id"])
    assert (top["depth"], middle["depth"], bottom["depth"]) == (0, 1, 2)

    tree = good(api.get("/store/categories"))
    assert tree["next_cursor"] is None
    places = {category["id"]: place for place, category in enumerate(tree["items"])}
    assert places[top["id"]] < places[middle["id"]] < places[bottom["id"]]

    def move(category: Any, to: Any) -> Any:
        return api.patch(f"/store/categories/{category['id']}", {"parent_id": to}, token=staff)

    problem(move(top, bottom["id"]), 409, "category_cycle")
    problem(move(top, top["id"]), 409, "category_cycle")
    problem(api.delete(f"/store/categories/{top['id']}", token=staff), 409, "in_use")
    assert good(move(bottom, None))["depth"] == 0
    taken = {"name": "x", "slug": top["slug"]}
    problem(api.post("/store/categories", taken, token=staff), 409, "slug_taken")

    # A category's products are found from above it.
    product = keeper.product(category_id=middle["id"])
    found = good(api.get("/store/products", params={"category": top["id"]}))
    assert [item["id"] for item in found["items"]] == [product["id"]]
    problem(api.delete(f"/store/categories/{middle['id']}", token=staff), 409, "in_use")
    assert api.delete(f"/store/categories/{bottom['id']}", token=staff).status_code == 204


def test_the_tree_is_fresh_after_a_write(api: Api, keeper: Keeper, staff: str) -> None:
    for _ in range(5):
        category = keeper.category()
        assert category["id"] in {item["id"] for item in good(api.get("/store/categories"))["items"]}
        good(api.patch(f"/store/categories/{category['id']}", {"name": "Другое"}, token=staff))
        names = {item["id"]: item["name"] for item in good(api.get("/store/categories"))["items"]}
        assert names[category["id"]] == "Другое"


def test_a_product_is_made_changed_and_archived(api: Api, keeper: Keeper, staff: str) -> None:
    body = keeper.product_body(barcode=gtin13(), nutrition={"energy_kcal": 364, "protein_g": "24.50"})
    made = api.post("/store/products", body, token=staff)
    product = good(made, 201)
    path = made.headers["Location"]
    assert path == f"/store/products/{product['id']}"
    assert product["nutrition"]["protein_g"] == "24.5"
    assert (product["version"], product["status"], product["available"]) == (1, "active", False)
    assert product["translations"]["en"]["name"] == "Cheese"

    problem(api.post("/store/products", {**body, "barcode": None}, token=staff), 409, "sku_taken")
    problem(api.post("/store/products", {**body, "sku": unique()}, token=staff), 409, "barcode_taken")

    good(api.get(path))
    keeper.change(product, price={"amount": 9990, "currency": "RUB"})
    seen = good(api.get(path))
    assert seen["price"]["amount"] == 9990  # a write answered 2xx is seen by the next read
    assert seen["version"] == 2
    assert "translations" not in seen

    assert api.delete(path, token=staff).status_code == 204
    problem(api.get(path), 404, "product_not_found")
    assert good(api.get(path, token=staff))["status"] == "archived"


def test_a_price_change_reaches_the_baskets_that_hold_it(api: Api, keeper: Keeper) -> None:
    product = keeper.product(price={"amount": 10000, "currency": "RUB"})
    token = api.post("/basket/items", {"product_id": product["id"], "quantity": 1}).headers["X-Basket-Token"]

    def line(price: int) -> Any:
        basket = good(api.get("/basket", basket=token))
        assert basket["items"][0]["price"] == {"amount": price, "currency": "RUB"}
        assert basket["total"]["amount"] == price
        return basket

    keeper.change(product, price={"amount": 12000, "currency": "RUB"})
    basket = eventually(lambda: line(12000))
    item = basket["items"][0]
    assert item["price_seen"] == {"amount": 10000, "currency": "RUB"}
    assert "price_rose" in item["warnings"]
    assert {"code": "price_rose", "product_id": product["id"]} in basket["warnings"]

    keeper.change(product, price={"amount": 8000, "currency": "RUB"})
    item = eventually(lambda: line(8000))["items"][0]
    assert "price_fell" in item["warnings"]
    assert "price_rose" not in item["warnings"]

    keeper.change(product, price={"amount": 10000, "currency": "RUB"})
    warnings = eventually(lambda: line(10000))["items"][0]["warnings"]
    assert "price_rose" not in warnings
    assert "price_fell" not in warnings


def test_an_archived_product_is_gone_from_baskets_without_stopping_them(api: Api, keeper: Keeper, staff: str) -> None:
    product, other = keeper.product(), keeper.product()
    token = api.post("/basket/items", {"product_id": product["id"], "quantity": 1}).headers["X-Basket-Token"]
    good(api.post("/basket/items", {"product_id": other["id"], "quantity": 1}, basket=token))
    api.delete(f"/store/products/{product['id']}", token=staff)

    def gone() -> Any:
        basket = good(api.get("/basket", basket=token))
        assert basket["items"][0]["warnings"] == ["product_gone"]
        return basket

    basket = eventually(gone)
    assert basket["items"][0]["line_total"]["amount"] == 0
    assert basket["total"]["amount"] == 12990
    good(api.patch(f"/basket/items/{other['id']}", {"quantity": "2"}, basket=token))
    problem(
        api.post("/basket/items", {"product_id": product["id"], "quantity": 1}, basket=token), 404, "product_not_found"
    )


def test_a_product_made_a_moment_ago_can_be_put_in_at_once(api: Api, keeper: Keeper) -> None:
    for _ in range(10):
        product = keeper.product()
        basket = good(api.post("/basket/items", {"product_id": product["id"], "quantity": "0.5"}))
        assert basket["items"][0]["sku"] == product["sku"]
