"""ETags: nothing is sent twice, and nobody's change is lost."""

import re
from typing import Any

import pytest

from tests.gateway.shop import Api, Keeper, eventually, good, problem

ETAG = re.compile(r'"[0-9]+\.[0-9a-f]{18}"')


@pytest.fixture(scope="module")
def unit(keeper: Keeper) -> Any:
    return keeper.unit()


def paths(unit: Any, product: Any) -> list[str]:
    return [
        f"/store/units/{unit['id']}",
        f"/store/products/{product['id']}",
        f"/store/categories/{product['category_id']}",
        "/store/categories",
        "/store/units?limit=1",
        "/basket",
        "/auth/me",
        "/auth/.well-known/jwks.json",
    ]


def test_every_entity_and_list_of_constants_has_an_etag_and_gives_304(
    api: Api, unit: Any, product: Any, buyer: str
) -> None:
    good(api.post("/basket/items", {"product_id": product["id"], "quantity": 1}, token=buyer))
    for path in paths(unit, product):
        answer = api.get(path, token=buyer)
        etag = answer.headers["ETag"]
        assert ETAG.fullmatch(etag), path
        for sent in (etag, f"W/{etag}", f'"x", {etag}, "y"', f'W/"1.x",W/{etag}', "*"):
            same = api.get(path, token=buyer, headers={"If-None-Match": sent})
            assert same.status_code == 304, (path, sent)
            assert same.content == b""
            assert same.headers["ETag"] == etag
            assert same.headers["Vary"] or "jwks" in path
        for sent in ('"x"', etag.replace(".", ".0"), f'"{etag[1:].partition(".")[0]}"', "nonsense", ""):
            assert api.get(path, token=buyer, headers={"If-None-Match": sent}).status_code == 200, (path, sent)


def test_entities_say_that_they_vary_and_are_to_be_asked_for_again(
    api: Api, unit: Any, product: Any, buyer: str
) -> None:
    for path in paths(unit, product)[:6]:
        answer = api.get(path, token=buyer)
        assert answer.headers["Cache-Control"] == "no-cache", path
        assert {"Accept-Language", "Authorization"} <= set(answer.headers["Vary"].split(", ")), path
    assert "X-Basket-Token" in api.get("/basket").headers["Vary"]
    assert {"Accept-Language", "Authorization"} <= set(api.get("/store/products").headers["Vary"].split(", "))
    assert "Authorization" in api.get("/auth/me", token=buyer).headers["Vary"]


def test_another_language_is_another_etag(api: Api, product: Any) -> None:
    path = f"/store/products/{product['id']}"
    russian = api.get(path, headers={"Accept-Language": "ru"}).headers["ETag"]
    english = api.get(path, headers={"Accept-Language": "en", "If-None-Match": russian})
    assert english.status_code == 200
    assert english.headers["Content-Language"] == "en"


@pytest.mark.parametrize("thing", ["units", "categories", "products"])
def test_a_stale_change_is_412_and_changes_nothing(api: Api, keeper: Keeper, staff: str, thing: str) -> None:
    made = {"units": keeper.unit, "categories": keeper.category, "products": keeper.product}[thing]()
    path = f"/store/{thing}/{made['id']}"
    first = api.get(path, token=staff).headers["ETag"]
    changed = api.patch(path, {"name": "второе"}, token=staff, headers={"If-Match": first})
    second = changed.headers["ETag"]
    assert good(changed)["version"] == 2
    assert second == api.get(path, token=staff).headers["ETag"]
    for sent in (first, f'"7", {first}', '"x"', "nonsense", f"W/{first}"):
        refused = api.patch(path, {"name": "третье"}, token=staff, headers={"If-Match": sent})
        problem(refused, 412, "version_mismatch")
        problem(api.delete(path, token=staff, headers={"If-Match": sent}), 412, "version_mismatch")
    assert good(api.get(path, token=staff))["name"] == "второе"
    for place, sent in enumerate((second, f'{first}, "3"', "*", '"5.whatever"')):
        answer = api.patch(path, {"name": f"имя {place}"}, token=staff, headers={"If-Match": sent})
        assert good(answer)["version"] == 3 + place
    good(api.patch(path, {"name": "без"}, token=staff))
    assert api.delete(path, token=staff, headers={"If-Match": "*"}).status_code == 204


def test_me_is_changed_by_version(api: Api, buyer: str) -> None:
    first = api.get("/auth/me", token=buyer).headers["ETag"]
    good(api.patch("/auth/me", {"display_name": "А"}, token=buyer, headers={"If-Match": first}))
    refused = api.patch("/auth/me", {"display_name": "Б"}, token=buyer, headers={"If-Match": first})
    problem(refused, 412, "version_mismatch")
    assert good(api.get("/auth/me", token=buyer))["display_name"] == "А"


def test_a_basket_is_changed_by_version(api: Api, product: Any, buyer: str) -> None:
    line = f"/basket/items/{product['id']}"
    good(api.post("/basket/items", {"product_id": product["id"], "quantity": 1}, token=buyer))
    first = api.get("/basket", token=buyer).headers["ETag"]
    good(api.patch(line, {"quantity": 2}, token=buyer, headers={"If-Match": first}))
    stale = {"If-Match": first}
    problem(api.patch(line, {"quantity": 3}, token=buyer, headers=stale), 412, "version_mismatch")
    problem(api.patch(line, {"quantity": 0}, token=buyer, headers=stale), 412, "version_mismatch")
    problem(api.delete(line, token=buyer, headers=stale), 412, "version_mismatch")
    problem(api.delete("/basket", token=buyer, headers=stale), 412, "version_mismatch")
    assert good(api.get("/basket", token=buyer))["items"][0]["quantity"] == "2.000"
    second = api.get("/basket", token=buyer).headers["ETag"]
    good(api.delete("/basket", token=buyer, headers={"If-Match": second}))


def test_a_basket_whose_prices_moved_is_no_304(api: Api, keeper: Keeper) -> None:
    product = keeper.product()
    token = api.post("/basket/items", {"product_id": product["id"], "quantity": 1}).headers["X-Basket-Token"]
    before = api.get("/basket", basket=token)
    keeper.change(product, price={"amount": 1, "currency": "RUB"})

    def moved() -> Any:
        answer = api.get("/basket", basket=token, headers={"If-None-Match": before.headers["ETag"]})
        assert answer.status_code == 200
        return answer

    after = eventually(moved)
    assert good(after)["items"][0]["price"]["amount"] == 1
    assert good(after)["version"] == good(before)["version"]
    assert after.headers["ETag"] != before.headers["ETag"]
