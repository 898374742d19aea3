"""The walk of a buyer: looks round, fills a guest's basket, signs up and fills a basket of their own."""

import hashlib
from base64 import urlsafe_b64decode
from typing import Any

from tests.gateway.conftest import PASSWORD
from tests.gateway.shop import Api, Keeper, good, problem, unique


def test_a_guest_fills_a_basket(api: Api, keeper: Keeper) -> None:
    cheese = keeper.product(price={"amount": 12990, "currency": "RUB"})
    bread = keeper.product(price={"amount": 5500, "currency": "RUB"}, sold_by="piece", quantity_step=1)

    empty = good(api.get("/basket"))
    assert (empty["id"], empty["version"], empty["items"]) == (None, 0, [])
    assert empty["total"] == {"amount": 0, "currency": "RUB"}

    made = api.post("/basket/items", {"product_id": cheese["id"], "quantity": "1.5"})
    token = made.headers["X-Basket-Token"]
    assert len(token) >= 22  # 128 bits in base64
    assert good(made)["items"][0]["line_total"] == {"amount": 19485, "currency": "RUB"}

    more = api.post("/basket/items", {"product_id": bread["id"], "quantity": 2}, basket=token)
    assert "X-Basket-Token" not in more.headers
    basket = good(more)
    assert [(item["product_id"], item["quantity"]) for item in basket["items"]] == [
        (cheese["id"], "1.500"),
        (bread["id"], "2.000"),
    ]
    assert basket["subtotal"]["amount"] == basket["total"]["amount"] == 19485 + 11000
    assert basket["discount_total"]["amount"] == basket["fee_total"]["amount"] == 0

    added = good(api.post("/basket/items", {"product_id": bread["id"], "quantity": 1}, basket=token))
    assert added["items"][1]["quantity"] == "3.000"
    path = f"/basket/items/{bread['id']}"
    assert good(api.patch(path, {"quantity": "1"}, basket=token))["items"][1]["quantity"] == "1.000"
    assert len(good(api.patch(path, {"quantity": "0"}, basket=token))["items"]) == 1
    assert good(api.delete(f"/basket/items/{cheese['id']}", basket=token))["items"] == []
    good(api.post("/basket/items", {"product_id": bread["id"], "quantity": 1}, basket=token))
    assert good(api.delete("/basket", basket=token))["items"] == []
    assert good(api.get("/basket", basket=token))["id"] == basket["id"]


def test_a_buyer_signs_up_looks_round_and_fills_a_basket(api: Api, keeper: Keeper) -> None:
    address = f"{unique('Buyer')}@Example.org"
    registered = api.post("/auth/register", {"email": address, "password": PASSWORD, "display_name": "Анна"})
    assert registered.headers["Location"] == "/auth/me"
    assert registered.headers["Cache-Control"] == "no-store"
    session = good(registered, 201)
    pair = {"user", "access_token", "token_type", "expires_in", "refresh_token"}
    assert set(session) == {*pair, "device_token"}
    assert (session["token_type"], session["expires_in"]) == ("Bearer", 900)
    user: dict[str, Any] = session["user"]
    assert user["email"] == address.lower()
    assert (user["role"], user["email_verified"], user["telegram_id"]) == ("customer", False, None)

    token = good(api.post("/auth/login", {"email": address.upper(), "password": PASSWORD}))["access_token"]
    assert good(api.get("/auth/me", token=token))["id"] == user["id"]
    changed = good(api.patch("/auth/me", {"display_name": "Anna", "language": "en"}, token=token))
    assert (changed["display_name"], changed["language"]) == ("Anna", "en")

    found = good(api.get("/store/products", params={"limit": 1}))["items"][0]
    assert good(api.get(f"/store/products/{found['id']}"))["sku"] == found["sku"]

    product = keeper.product()
    basket = good(api.post("/basket/items", {"product_id": product["id"], "quantity": 1}, token=token))
    assert good(api.get("/basket", token=token))["id"] == basket["id"]
    # With both, the user's own basket counts.
    guest = api.post("/basket/items", {"product_id": product["id"], "quantity": 2}).headers["X-Basket-Token"]
    assert good(api.get("/basket", token=token, basket=guest))["id"] == basket["id"]


def test_what_isnt_on_sale_cant_be_put_in(api: Api, keeper: Keeper) -> None:
    draft = keeper.product(status="draft")
    for product_id in (draft["id"], "019aa7c0-0000-7000-8000-00000000dead"):
        refused = api.post("/basket/items", {"product_id": product_id, "quantity": 1})
        problem(refused, 404, "product_not_found")
        assert "X-Basket-Token" not in refused.headers
    problem(api.get(f"/store/products/{draft['id']}"), 404, "product_not_found")


def test_an_unknown_basket_token_is_404_wherever_it_is_sent(api: Api, product: Any) -> None:
    line = f"/basket/items/{product['id']}"
    for answer in (
        api.get("/basket", basket="nobodys"),
        api.delete("/basket", basket="nobodys"),
        api.post("/basket/items", {"product_id": product["id"], "quantity": 1}, basket="nobodys"),
        api.patch(line, {"quantity": 1}, basket="nobodys"),
        api.patch(line, {"quantity": 0}, basket="nobodys"),
        api.delete(line, basket="nobodys"),
    ):
        problem(answer, 404, "basket_not_found")


def test_a_merged_basket_is_404(api: Api, product: Any, sql: Any) -> None:
    made = api.post("/basket/items", {"product_id": product["id"], "quantity": 1})
    sql.execute("UPDATE basket.baskets SET merged_at = now() WHERE id = %s", [good(made)["id"]])
    token = made.headers["X-Basket-Token"]
    problem(api.get("/basket", basket=token), 404, "basket_not_found")
    again = api.post("/basket/items", {"product_id": product["id"], "quantity": 1}, basket=token)
    problem(again, 404, "basket_not_found")


def test_a_basket_token_is_stored_as_a_digest_alone(api: Api, product: Any, buyer: str, sql: Any) -> None:
    body = {"product_id": product["id"], "quantity": 1}
    made = [api.post("/basket/items", body, headers={"Idempotency-Key": unique("key")}) for _ in range(20)]
    tokens = [answer.headers["X-Basket-Token"] for answer in made]
    # 256 bits, of which none stands still.
    secrets = [urlsafe_b64decode(f"{token}=") for token in tokens]
    assert {len(secret) for secret in secrets} == {32}
    moving = {place for place in range(256) for secret in secrets if _bit(secret, place) != _bit(secrets[0], place)}
    assert len(moving) > 250

    token = tokens[0]
    row = sql.execute("SELECT token_digest FROM basket.baskets WHERE id = %s", [good(made[0])["id"]]).fetchone()
    assert bytes(row[0]) == hashlib.sha256(token.encode()).digest()
    good(api.post("/basket/items", body, basket=token, headers={"Idempotency-Key": unique("key")}))
    good(api.post("/basket/accept-prices", basket=token, headers={"Idempotency-Key": unique("key")}))
    merge = {"basket_token": token}
    good(api.post("/basket/merge", merge, token=buyer, basket=token, headers={"Idempotency-Key": unique("key")}))
    tables = sql.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace::regnamespace::text"
        " IN ('basket', 'events', 'auth', 'store')"
    ).fetchall()
    assert ("basket.idempotency",) in tables
    for (table,) in tables:
        found = sql.execute(
            f"SELECT count(*) FROM {table} AS row WHERE strpos(row::text, %s) > 0 OR strpos(row::text, %s) > 0",
            [token, token.encode().hex()],
        ).fetchone()
        assert found == (0,), table


def _bit(secret: bytes, place: int) -> int:
    return secret[place // 8] >> place % 8 & 1
