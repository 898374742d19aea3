"""Who may do what: customers read, staff write, admins do all that staff may."""

import pytest

from tests.gateway.shop import Api, Keeper, good, problem

ID = "019aa7c0-0000-7000-8000-000000000001"
STAFFS = [
    ("POST", "/store/units"),
    ("PATCH", f"/store/units/{ID}"),
    ("DELETE", f"/store/units/{ID}"),
    ("POST", "/store/categories"),
    ("PATCH", f"/store/categories/{ID}"),
    ("DELETE", f"/store/categories/{ID}"),
    ("POST", "/store/products"),
    ("PATCH", f"/store/products/{ID}"),
    ("DELETE", f"/store/products/{ID}"),
]


@pytest.mark.parametrize(("method", "path"), STAFFS)
def test_a_customer_cant_do_staffs_work(api: Api, buyer: str, method: str, path: str) -> None:
    # Whoever may not doesn't learn what was wrong with their body either.
    for body in ({}, {"name": "x"}):
        problem(api.call(method, path, token=buyer, json=body), 403, "forbidden")
    problem(api.call(method, path, json={}), 401, "authentication_required")


def test_an_admin_does_what_staff_may(api: Api, admin: str) -> None:
    unit = Keeper(api, admin).unit()
    good(api.patch(f"/store/units/{unit['id']}", {"name": "иначе"}, token=admin))
    assert api.delete(f"/store/units/{unit['id']}", token=admin).status_code == 204


def test_drafts_are_staffs_to_see(api: Api, keeper: Keeper, staff: str, buyer: str) -> None:
    category = keeper.category()
    draft = keeper.product(status="draft", category_id=category["id"])
    path, filters = f"/store/products/{draft['id']}", {"category": category["id"]}
    assert good(api.get(path, token=staff))["status"] == "draft"
    assert [item["id"] for item in good(api.get("/store/products", params=filters, token=staff))["items"]] == [
        draft["id"]
    ]
    for token in (None, buyer):
        problem(api.get(path, token=token), 404, "product_not_found")
        assert good(api.get("/store/products", params=filters, token=token))["items"] == []
        shown = good(api.get("/store/products", params={**filters, "status": "draft"}, token=token))
        assert shown["items"] == []


def test_a_users_basket_is_nobody_elses(api: Api, keeper: Keeper, buyer: str, staff: str) -> None:
    product = keeper.product()
    mine = good(api.post("/basket/items", {"product_id": product["id"], "quantity": 1}, token=buyer))
    for token in (None, staff):
        assert good(api.get("/basket", token=token))["id"] != mine["id"]
