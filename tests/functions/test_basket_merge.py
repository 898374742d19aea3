"""A guest's basket goes into the user's: three policies, what is told, what doesn't fit, and once only."""

import re
from decimal import Decimal
from typing import Any

import pytest

from eatit.identifiers import uuid7
from tests.functions.calls import Answer, call, good, product, unique


def add(product_id: str, quantity: Any, token: str | None = None, guest: str | None = None) -> Answer:
    headers = {"X-Basket-Token": guest} if guest else {}
    body = {"product_id": product_id, "quantity": quantity}
    answer = call("POST", "/basket/items", body, token=token, headers=headers)
    good(answer)
    return answer


def guest_with(*lines: tuple[str, Any]) -> str:
    """A guest's basket with these lines: its token."""
    token = None
    for product_id, quantity in lines:
        token = add(product_id, quantity, guest=token).headers.get("x-basket-token", token)
    assert token
    return token


def merge(user: Any, token: str, **given: Any) -> Any:
    return good(call("POST", "/basket/merge", {"basket_token": token, **given}, token=user["access_token"]))


def quantities(basket: Any) -> dict[str, str]:
    return {line["product_id"]: line["quantity"] for line in basket["items"]}


def told(basket: Any) -> list[tuple[str, str, str, str]]:
    assert all(set(each) == {"product_id", "from", "to", "code"} for each in basket["merged"])
    return [(each["product_id"], each["from"], each["to"], each["code"]) for each in basket["merged"]]


def reprice(sql: Any, product_id: str, amount: int) -> None:
    changed = sql.execute("UPDATE basket.products SET price_amount = %s WHERE id = %s", [amount, product_id])
    assert changed.rowcount == 1


@pytest.mark.parametrize(
    ("policy", "both", "code"),
    [
        ({}, "3.500", "summed"),
        ({"policy": "sum"}, "3.500", "summed"),
        ({"policy": "replace"}, "2.500", "replaced"),
        ({"policy": "keep"}, "1.000", None),
    ],
)
def test_lines_in_both_go_by_the_policy_and_others_are_added(
    staff: str, customer: Any, policy: Any, both: str, code: str | None
) -> None:
    mine, shared, theirs, last = (product(staff)["id"] for _ in range(4))
    add(mine, 1, customer["access_token"])
    before = good(add(shared, 1, customer["access_token"]))
    guest = guest_with((theirs, 2), (shared, "2.5"), (last, "0.5"))
    merged = merge(customer, guest, **policy)
    assert merged["id"] == before["id"]
    assert merged["version"] == before["version"] + 1
    assert quantities(merged) == {mine: "1.000", shared: both, theirs: "2.000", last: "0.500"}
    added = [(theirs, "0.000", "2.000", "added"), (last, "0.000", "0.500", "added")]
    assert told(merged) == [added[0], *([(shared, "1.000", both, code)] if code else []), added[1]]
    assert list(merged)[-1] == "merged"
    now = good(call("GET", "/basket", token=customer["access_token"]))
    assert now == {name: part for name, part in merged.items() if name != "merged"}


@pytest.mark.parametrize("policy", ["sum", "replace", "keep"])
def test_again_changes_nothing(staff: str, customer: Any, policy: str) -> None:
    shared = product(staff)["id"]
    add(shared, 1, customer["access_token"])
    guest = guest_with((shared, 2), (product(staff)["id"], 1))
    first = merge(customer, guest, policy=policy)
    for other in ("sum", "replace", "keep"):
        assert merge(customer, guest, policy=other) == {**first, "merged": []}


def test_a_basket_is_made_for_who_has_none(staff: str, customer: Any) -> None:
    made = product(staff)["id"]
    merged = merge(customer, guest_with((made, 2)))
    assert (merged["version"], quantities(merged)) == (1, {made: "2.000"})
    assert told(merged) == [(made, "0.000", "2.000", "added")]
    assert good(add(made, 1, customer["access_token"]))["id"] == merged["id"]


@pytest.mark.parametrize("token", ["x", "nobodys", "ё" * 50, "' OR 1=1 --", "a" * 500])
def test_an_unknown_token_changes_nothing(staff: str, customer: Any, sql: Any, token: str) -> None:
    nothing = merge(customer, token)
    assert (nothing["id"], nothing["version"], nothing["items"], nothing["merged"]) == (None, 0, [], [])
    assert sql.execute(
        "SELECT count(*) FROM basket.baskets WHERE user_id = %s", [customer["user"]["id"]]
    ).fetchone() == (0,)
    before = good(add(product(staff)["id"], 1, customer["access_token"]))
    assert merge(customer, token) == {**before, "merged": []}
    assert merge(customer, customer["access_token"][:500]) == {**before, "merged": []}


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST", "PATCH", "accept"])
def test_a_merged_token_is_404_everywhere_else(staff: str, customer: Any, method: str) -> None:
    made = product(staff)["id"]
    guest = guest_with((made, 2))
    merge(customer, guest)
    path, body = {
        "GET": ("/basket", None),
        "DELETE": ("/basket", None),
        "POST": ("/basket/items", {"product_id": made, "quantity": 1}),
        "PATCH": (f"/basket/items/{made}", {"quantity": 1}),
        "accept": ("/basket/accept-prices", None),
    }[method]
    for language, title in (("ru", "Такой корзины нет"), ("en", "There is no such basket")):
        headers = {"X-Basket-Token": guest, "Accept-Language": language}
        gone = call("POST" if method == "accept" else method, path, body, headers=headers)
        assert (gone.status, gone.body["code"], gone.body["title"]) == (404, "basket_not_found", title)


def test_with_both_tokens_the_users_basket_counts(staff: str, customer: Any) -> None:
    made, other = product(staff)["id"], product(staff)["id"]
    guest, another = guest_with((made, 2)), guest_with((other, 1))
    headers = {"X-Basket-Token": another}
    answer = call("POST", "/basket/merge", {"basket_token": guest}, token=customer["access_token"], headers=headers)
    assert quantities(good(answer)) == {made: "2.000"}
    assert quantities(good(call("GET", "/basket", headers=headers))) == {other: "1.000"}
    same = {"X-Basket-Token": guest}
    kept = call("GET", "/basket", token=customer["access_token"], headers=same)
    assert quantities(good(kept)) == {made: "2.000"}


@pytest.mark.parametrize(
    ("mine", "most", "to"), [("2", "4", "4.000"), ("4", "4", "4.000"), ("3", "4.3", "4.000"), ("5", "4", "4.000")]
)
def test_a_sum_over_the_maximum_is_capped_and_told(
    staff: str, customer: Any, sql: Any, mine: str, most: str, to: str
) -> None:
    made = product(staff, max_quantity="10")["id"]
    add(made, mine, customer["access_token"])
    guest = guest_with((made, 3))
    sql.execute("UPDATE basket.products SET max_quantity = %s WHERE id = %s", [most, made])
    merged = merge(customer, guest)
    assert told(merged) == [(made, f"{Decimal(mine):.3f}", to, "capped")]
    assert quantities(merged) == {made: to}


def test_a_sum_without_a_maximum_of_its_own_is_capped_at_a_million(staff: str, customer: Any) -> None:
    made = product(staff)["id"]
    add(made, 999_999, customer["access_token"])
    merged = merge(customer, guest_with((made, 999_999)))
    assert told(merged) == [(made, "999999.000", "1000000.000", "capped")]


def test_what_the_guest_saw_of_prices_comes_along(staff: str, customer: Any, sql: Any) -> None:
    made = product(staff)["id"]
    guest = guest_with((made, 1))
    reprice(sql, made, 20000)
    line = merge(customer, guest)["items"][0]
    assert (line["price_seen"]["amount"], line["price"]["amount"]) == (12990, 20000)
    assert line["warnings"][0] == "price_rose"


@pytest.mark.parametrize(
    ("policy", "mine", "theirs", "seen"),
    [
        ("sum", 100, 200, 100),
        ("sum", 200, 100, 100),
        ("replace", 100, 200, 200),
        ("replace", 200, 100, 100),
        ("keep", 100, 200, 100),
        ("keep", 200, 100, 200),
    ],
)
def test_the_price_seen_of_a_line_in_both(
    staff: str, customer: Any, sql: Any, policy: str, mine: int, theirs: int, seen: int
) -> None:
    made = product(staff)["id"]
    guest_with((made, 1))  # so that the basket knows it
    reprice(sql, made, mine)
    add(made, 1, customer["access_token"])
    reprice(sql, made, theirs)
    guest = guest_with((made, 1))
    assert merge(customer, guest, policy=policy)["items"][0]["price_seen"]["amount"] == seen


def test_what_doesnt_fit_into_200_lines_is_told(staff: str, customer: Any, sql: Any) -> None:
    shared, first, second, third = (product(staff)["id"] for _ in range(4))
    mine = good(add(shared, 1, customer["access_token"]))
    sql.execute(
        """INSERT INTO basket.lines (basket_id, product_id, quantity, price_seen)
        SELECT %s, gen_random_uuid(), 1, 1 FROM generate_series(1, 197)""",
        [mine["id"]],
    )
    guest = guest_with((first, 1), (shared, 1), (second, 2), (third, 3))
    merged = merge(customer, guest)
    assert told(merged) == [
        (first, "0.000", "1.000", "added"),
        (shared, "1.000", "2.000", "summed"),
        (second, "0.000", "2.000", "added"),
        (third, "0.000", "0.000", "basket_full"),
    ]
    assert len(merged["items"]) == 200
    assert third not in quantities(merged)


def test_two_whole_baskets_are_merged(staff: str, customer: Any, sql: Any) -> None:
    mine = good(add(product(staff)["id"], 1, customer["access_token"]))
    guest = guest_with((product(staff)["id"], 1))
    shared = [uuid7() for _ in range(199)]
    for basket in (mine["id"], good(call("GET", "/basket", headers={"X-Basket-Token": guest}))["id"]):
        with sql.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO basket.lines (basket_id, product_id, quantity, price_seen) VALUES (%s, %s, 1, 1)",
                [(basket, each) for each in shared],
            )
    merged = merge(customer, guest)
    assert sorted(each["code"] for each in merged["merged"]) == ["basket_full"] + ["summed"] * 199
    assert {line["quantity"] for line in merged["items"][1:]} == {"2.000"}


def test_lines_of_products_that_are_gone_come_along(staff: str, customer: Any, sql: Any) -> None:
    archived, lost, both = (product(staff)["id"] for _ in range(3))
    add(both, 2, customer["access_token"])
    guest = guest_with((archived, 1), (lost, "1.5"), (both, 1))
    sql.execute("UPDATE basket.products SET status = 'archived' WHERE id = ANY(%s)", [[archived, both]])
    sql.execute("DELETE FROM basket.products WHERE id = %s", [lost])
    merged = merge(customer, guest)
    assert quantities(merged) == {archived: "1.000", lost: "1.500", both: "3.000"}
    assert [line["warnings"] for line in merged["items"]] == [["product_gone"]] * 3
    assert [each["code"] for each in merged["merged"]] == ["added", "added", "summed"]


@pytest.mark.parametrize("policy", ["replace", "keep"])
def test_a_merge_that_leaves_the_basket_as_it_was_counts_no_version(staff: str, customer: Any, policy: str) -> None:
    made = product(staff)["id"]
    before = good(add(made, 2, customer["access_token"]))
    guest = guest_with((made, 2))
    assert merge(customer, guest, policy=policy) == {**before, "merged": []}
    gone = call("GET", "/basket", headers={"X-Basket-Token": guest})
    assert gone.status == 404


def test_a_guests_empty_basket_is_merged_as_well(staff: str, customer: Any) -> None:
    guest = guest_with((product(staff)["id"], 2))
    good(call("DELETE", "/basket", headers={"X-Basket-Token": guest}))
    assert merge(customer, guest)["merged"] == []
    assert call("GET", "/basket", headers={"X-Basket-Token": guest}).status == 404


def test_a_key_gives_the_same_answer_again(staff: str, customer: Any) -> None:
    made = product(staff)["id"]
    body, key = {"basket_token": guest_with((made, 2))}, {"Idempotency-Key": unique("key")}
    first = call("POST", "/basket/merge", body, token=customer["access_token"], headers=key)
    again = call("POST", "/basket/merge", body, token=customer["access_token"], headers=key)
    assert told(good(first)) == [(made, "0.000", "2.000", "added")]
    assert good(again) == first.body
    assert again.headers["idempotency-replayed"] == "true"
    other = {"basket_token": "another"}
    reused = call("POST", "/basket/merge", other, token=customer["access_token"], headers=key)
    assert (reused.status, reused.body["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {("/basket_token", "missing")}),
        ({"basket_token": None}, {("/basket_token", "wrong_type")}),
        ({"basket_token": ""}, {("/basket_token", "wrong_length")}),
        ({"basket_token": 5}, {("/basket_token", "wrong_type")}),
        ({"basket_token": ["x"]}, {("/basket_token", "wrong_type")}),
        ({"basket_token": "x" * 501}, {("/basket_token", "wrong_length")}),
        ({"basket_token": "x" * 1_000_000}, {("/basket_token", "wrong_length")}),
        ({"basket_token": "x\0"}, {("/basket_token", "unreadable_text")}),
        ({"basket_token": "x", "policy": "steal"}, {("/policy", "not_one_of")}),
        ({"basket_token": "x", "policy": "SUM"}, {("/policy", "not_one_of")}),
        ({"basket_token": "x", "policy": None}, {("/policy", "not_one_of")}),
        (
            {"policy": 1, "basket": "x"},
            {("/basket_token", "missing"), ("/policy", "not_one_of"), ("/basket", "unknown_field")},
        ),
    ],
)
@pytest.mark.parametrize("language", ["ru", "en"])
def test_bad_bodies(customer: Any, body: Any, faults: set[tuple[str, str]], language: str) -> None:
    headers = {"Accept-Language": language}
    answer = call("POST", "/basket/merge", body, token=customer["access_token"], headers=headers)
    assert (answer.status, answer.body["code"]) == (422, "invalid_body")
    assert {(fault["pointer"], fault["code"]) for fault in answer.body["errors"]} == faults
    assert answer.headers["content-language"] == language
    texts = [answer.body["title"], answer.body["detail"], *(fault["detail"] for fault in answer.body["errors"])]
    assert all(bool(re.search("[а-яё]", text)) == (language == "ru") for text in texts), texts


def test_a_body_over_the_limit_is_413(customer: Any) -> None:
    answer = call("POST", "/basket/merge", {"basket_token": "x" * 2**20}, token=customer["access_token"])
    assert (answer.status, answer.body["code"]) == (413, "body_too_large")


def test_a_guest_cant_merge(staff: str) -> None:
    guest = guest_with((product(staff)["id"], 2))
    headers = {"X-Basket-Token": guest}
    refused = call("POST", "/basket/merge", {"basket_token": guest}, headers=headers)
    assert (refused.status, refused.body["code"]) == (401, "authentication_required")
    assert call("GET", "/basket", headers=headers).status == 200
