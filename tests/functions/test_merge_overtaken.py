"""A merge beside other changes of both baskets, each overtaking for certain: nothing that was put in is lost."""

from typing import Any

import pytest

from eatit.identifiers import uuid7
from tests.functions.calls import call, good, product, unique
from tests.functions.held import overtaken

LINE = """WITH b AS (UPDATE basket.baskets SET version = version + 1, updated_at = now() WHERE id = %s RETURNING id)
    INSERT INTO basket.lines (basket_id, product_id, quantity, price_seen) SELECT id, %s, 3, 100 FROM b
    ON CONFLICT (basket_id, product_id) DO UPDATE SET quantity = lines.quantity + 3"""
MERGED = "UPDATE basket.baskets SET version = version + 1, merged_at = now(), updated_at = now() WHERE id = %s"
SWEPT = "DELETE FROM basket.baskets WHERE id = %s"
MADE = """WITH b AS (INSERT INTO basket.baskets (id, user_id) VALUES (%s, %s) RETURNING id)
    INSERT INTO basket.lines (basket_id, product_id, quantity, price_seen) SELECT id, %s, 3, 100 FROM b"""
WAYS = pytest.mark.parametrize("keyed", [False, True], ids=["plain", "keyed"])


class Two:
    """A user's basket with one of a product, and a guest's with two of it and two of another."""

    def __init__(self, staff: str, user: Any, *, own: bool = True) -> None:
        self.shared, self.other = product(staff)["id"], product(staff)["id"]
        self.token = user["access_token"]
        self.mine = self._add(self.shared, 1, token=self.token)[0] if own else None
        self.guests, headers = self._add(self.shared, 2)
        self.guest = headers["x-basket-token"]
        self._add(self.other, 2, headers={"X-Basket-Token": self.guest})

    def _add(self, product_id: str, quantity: int, **given: Any) -> tuple[str, dict[str, str]]:
        answer = call("POST", "/basket/items", {"product_id": product_id, "quantity": quantity}, **given)
        return good(answer)["id"], answer.headers

    def merge(self, *, keyed: bool) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
        """The merged basket's quantities, and what was told of them."""
        headers = {"Idempotency-Key": unique("key")} if keyed else {}
        answer = call("POST", "/basket/merge", {"basket_token": self.guest}, token=self.token, headers=headers)
        basket = good(answer)
        told = [(each["from"], each["to"], each["code"]) for each in basket.pop("merged")]
        assert good(call("GET", "/basket", token=self.token)) == basket
        assert call("GET", "/basket", headers={"X-Basket-Token": self.guest}).status == 404
        return {line["product_id"]: line["quantity"] for line in basket["items"]}, told


@WAYS
def test_what_the_guest_puts_in_meanwhile_is_merged(shop: Any, staff: str, customer: Any, keyed: bool) -> None:
    two, late = Two(staff, customer), product(staff)["id"]
    with overtaken(shop["database_url"], LINE, [two.guests, late]):
        found, told = two.merge(keyed=keyed)
    assert found == {two.shared: "3.000", two.other: "2.000", late: "3.000"}
    assert told == [("1.000", "3.000", "summed"), ("0.000", "2.000", "added"), ("0.000", "3.000", "added")]


@WAYS
def test_what_the_user_puts_in_meanwhile_is_summed(shop: Any, staff: str, customer: Any, keyed: bool) -> None:
    two = Two(staff, customer)
    with overtaken(shop["database_url"], LINE, [two.mine, two.other]):
        found, told = two.merge(keyed=keyed)
    assert found == {two.shared: "3.000", two.other: "5.000"}
    assert told == [("1.000", "3.000", "summed"), ("3.000", "5.000", "summed")]


@WAYS
def test_a_basket_that_somebody_else_merged_meanwhile_changes_nothing(
    shop: Any, staff: str, customer: Any, keyed: bool
) -> None:
    two = Two(staff, customer)
    with overtaken(shop["database_url"], MERGED, [two.guests]):
        found, told = two.merge(keyed=keyed)
    assert (found, told) == ({two.shared: "1.000"}, [])


@WAYS
def test_a_guests_basket_that_is_swept_meanwhile_changes_nothing(
    shop: Any, staff: str, customer: Any, keyed: bool
) -> None:
    two = Two(staff, customer)
    with overtaken(shop["database_url"], SWEPT, [two.guests]):
        found, told = two.merge(keyed=keyed)
    assert (found, told) == ({two.shared: "1.000"}, [])


@WAYS
def test_a_users_basket_that_is_swept_meanwhile_is_made_anew(shop: Any, staff: str, customer: Any, keyed: bool) -> None:
    two = Two(staff, customer)
    with overtaken(shop["database_url"], SWEPT, [two.mine]):
        found, told = two.merge(keyed=keyed)
    assert found == {two.shared: "2.000", two.other: "2.000"}
    assert told == [("0.000", "2.000", "added")] * 2


@WAYS
def test_a_users_first_basket_that_is_made_meanwhile_is_the_one(
    shop: Any, staff: str, customer: Any, sql: Any, keyed: bool
) -> None:
    two, made = Two(staff, customer, own=False), uuid7()
    with overtaken(shop["database_url"], MADE, [made, customer["user"]["id"], two.shared]):
        found, told = two.merge(keyed=keyed)
    assert found == {two.shared: "5.000", two.other: "2.000"}
    assert told == [("3.000", "5.000", "summed"), ("0.000", "2.000", "added")]
    rows = sql.execute("SELECT id FROM basket.baskets WHERE user_id = %s", [customer["user"]["id"]]).fetchall()
    assert rows == [(made,)]


def test_a_merge_locks_the_users_basket_before_the_guests(shop: Any, staff: str, customer: Any, sql: Any) -> None:
    two = Two(staff, customer)
    # While the merge waits for the user's basket, the guest's is still free to be locked.
    lock = "SELECT id FROM basket.baskets WHERE id = %s FOR UPDATE"
    free: list[Any] = []

    def look() -> None:
        free.append(sql.execute(f"{lock} NOWAIT", [two.guests]).fetchone())

    with overtaken(shop["database_url"], lock, [two.mine], then=look):
        found, _ = two.merge(keyed=False)
    assert len(free) == 1
    assert found == {two.shared: "3.000", two.other: "2.000"}
