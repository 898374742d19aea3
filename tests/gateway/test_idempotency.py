"""Idempotency keys: the same request again is the same answer again, and never the work twice."""

from typing import Any

import pytest

from tests.gateway.shop import Api, Keeper, at_once, good, problem, unique


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def unit(**given: Any) -> dict[str, Any]:
    return {"code": unique("u"), "name": "мера", "dimension": "mass", "factor": "1", **given}


def test_the_same_request_again_is_the_same_answer(api: Api, keeper: Keeper, staff: str) -> None:
    bodies = {
        "/store/units": unit(),
        "/store/categories": {"name": "x", "slug": unique("c")},
        "/store/products": keeper.product_body(),
    }
    for path, body in bodies.items():
        key = unique("key")
        first = api.post(path, body, token=staff, headers=keyed(key))
        again = api.post(path, body, token=staff, headers=keyed(key))
        assert good(again, 201) == good(first, 201)
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        for name in ("Location", "ETag", "Content-Type"):
            assert again.headers[name] == first.headers[name]
        assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]


def test_an_add_with_a_key_adds_once(api: Api, product: Any, buyer: str) -> None:
    guest = api.post("/basket/items", {"product_id": product["id"], "quantity": 1}).headers["X-Basket-Token"]
    for caller, total in (({"token": buyer}, "1.000"), ({"basket": guest}, "2.000")):
        key = unique("key")
        body = {"product_id": product["id"], "quantity": 1}
        answers = [api.post("/basket/items", body, headers=keyed(key), **caller) for _ in range(3)]
        assert [good(answer)["items"][0]["quantity"] for answer in answers] == [total] * 3
        assert good(api.get("/basket", **caller))["items"][0]["quantity"] == total
        another = api.post("/basket/items", body, headers=keyed(unique("key")), **caller)
        assert good(another)["items"][0]["quantity"] == f"{float(total) + 1:.3f}"


def test_another_body_under_the_same_key_is_422(api: Api, staff: str) -> None:
    key = unique("key")
    good(api.post("/store/units", unit(), token=staff, headers=keyed(key)), 201)
    problem(api.post("/store/units", unit(), token=staff, headers=keyed(key)), 422, "idempotency_key_reused")


def test_a_key_belongs_to_its_caller_and_path(api: Api, staff: str, admin: str) -> None:
    key, body = unique("key"), unit()
    good(api.post("/store/units", body, token=staff, headers=keyed(key)), 201)
    problem(api.post("/store/units", body, token=admin, headers=keyed(key)), 409, "code_taken")
    category = {"name": "x", "slug": unique("c")}
    good(api.post("/store/categories", category, token=staff, headers=keyed(key)), 201)


def test_two_at_once_make_one_thing(api: Api, keeper: Keeper, staff: str) -> None:
    for _ in range(5):
        key, body = unique("key"), keeper.product_body()
        answers = at_once(
            [lambda key=key, body=body: api.post("/store/products", body, token=staff, headers=keyed(key))] * 6  # type: ignore[misc]
        )
        for answer in answers:
            if answer.status_code != 201:
                problem(answer, 409, "request_in_progress")
        made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
        assert len(made) == 1
        fresh = [a for a in answers if a.status_code == 201 and "Idempotency-Replayed" not in a.headers]
        assert len(fresh) == 1
        found = good(api.get("/store/products", params={"q": body["sku"]}, token=staff))["items"]
        assert [item["id"] for item in found] == list(made)


def test_an_error_isnt_kept(api: Api, keeper: Keeper, staff: str) -> None:
    taken, key = unit(), unique("key")
    standing = good(api.post("/store/units", taken, token=staff), 201)
    problem(api.post("/store/units", taken, token=staff, headers=keyed(key)), 409, "code_taken")
    api.delete(f"/store/units/{standing['id']}", token=staff)
    again = api.post("/store/units", taken, token=staff, headers=keyed(key))
    good(again, 201)
    assert "Idempotency-Replayed" not in again.headers
    # A refused body leaves the key free as well.
    key = unique("key")
    problem(api.post("/store/units", {}, token=staff, headers=keyed(key)), 422, "invalid_body")
    good(api.post("/store/units", unit(), token=staff, headers=keyed(key)), 201)


@pytest.mark.parametrize("key", ["", "x" * 201, "a b", "a\tb", "ключ".encode().decode("latin-1")])
def test_a_key_of_another_form_is_400(api: Api, staff: str, buyer: str, product: Any, key: str) -> None:
    problem(api.post("/store/units", unit(), token=staff, headers=keyed(key)), 400, "invalid_header")
    item = {"product_id": product["id"], "quantity": 1}
    problem(api.post("/basket/items", item, token=buyer, headers=keyed(key)), 400, "invalid_header")
    assert good(api.get("/basket", token=buyer))["items"] == []


def test_the_longest_key_is_taken(api: Api, staff: str) -> None:
    good(api.post("/store/units", unit(), token=staff, headers=keyed(unique("~") + "!" * 180)), 201)


def test_nobodys_key_is_ignored(api: Api, product: Any) -> None:
    key, body = unique("key"), {"product_id": product["id"], "quantity": 1}
    first, second = (api.post("/basket/items", body, headers=keyed(key)) for _ in range(2))
    assert first.headers["X-Basket-Token"] != second.headers["X-Basket-Token"]
    assert "Idempotency-Replayed" not in second.headers
    assert good(first)["id"] != good(second)["id"]


def test_keys_are_ignored_in_auth(api: Api, session: Any) -> None:
    headers, body = keyed(unique("key")), {"email": session["user"]["email"], "password": "wrong password"}
    for _ in range(2):
        answer = api.post("/auth/login", body, headers=headers)
        problem(answer, 401, "invalid_credentials")
        assert "Idempotency-Replayed" not in answer.headers


def test_rights_are_checked_before_a_replay(api: Api, staff: str, buyer: str) -> None:
    key, body = unique("key"), unit()
    good(api.post("/store/units", body, token=staff, headers=keyed(key)), 201)
    problem(api.post("/store/units", body, token=buyer, headers=keyed(key)), 403, "forbidden")
    problem(api.post("/store/units", body, headers=keyed(key)), 401, "authentication_required")
