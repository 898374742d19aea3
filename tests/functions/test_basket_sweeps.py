"""Baskets are swept 30 days (a guest's) and 365 days (a user's) after their last change, and never one in use."""

from collections.abc import Callable
from typing import Any

import pytest

from eatit.identifiers import uuid7
from tests.functions.calls import call, good, product
from tests.functions.events import Context
from tests.functions.held import overtaken

Made = Callable[..., Any]


@pytest.fixture
def basket(sql: Any) -> Made:
    """Makes a basket with two lines, changed last so many days ago: its id."""

    def make(days: float, *, user: bool = False, merged: bool = False, made: float | None = None) -> Any:
        made_id = uuid7()
        sql.execute(
            """INSERT INTO basket.baskets (id, user_id, token_digest, created_at, updated_at, merged_at)
            VALUES (%(id)s, CASE WHEN %(user)s THEN gen_random_uuid() END,
                CASE WHEN NOT %(user)s THEN sha256(%(id)s::text::bytea) END, now() - %(made)s * interval '1 day',
                now() - %(days)s * interval '1 day', CASE WHEN %(merged)s THEN now() - %(days)s * interval '1 day' END)
            """,
            {"id": made_id, "user": user, "days": days, "merged": merged, "made": days if made is None else made},
        )
        sql.execute(
            """INSERT INTO basket.lines (basket_id, product_id, quantity, price_seen)
            SELECT %s, gen_random_uuid(), 1, 1 FROM generate_series(1, 2)""",
            [made_id],
        )
        return made_id

    return make


def sweep() -> int:
    from operations.upkeep import handler

    return handler({}, Context(seconds=60.0))["basket.baskets"]


def left(sql: Any, *ids: Any) -> list[Any]:
    rows = sql.execute("SELECT id FROM basket.baskets WHERE id = ANY(%s) ORDER BY id", [list(ids)]).fetchall()
    return [row[0] for row in rows]


def test_each_goes_when_its_time_has_come(sql: Any, basket: Made) -> None:
    sweep()
    old = [basket(30.01), basket(30.01, merged=True), basket(365.01, user=True), basket(31, made=400)]
    young = [
        basket(29.99), basket(29.99, merged=True), basket(364.99, user=True), basket(1, made=400),
        basket(1, user=True, made=400),
    ]  # fmt: skip
    assert sweep() == len(old)
    assert left(sql, *old, *young) == young
    lines = sql.execute(
        "SELECT basket_id, count(*) FROM basket.lines WHERE basket_id = ANY(%s) GROUP BY 1 ORDER BY 1", [old + young]
    ).fetchall()
    assert lines == [(each, 2) for each in young]
    assert sweep() == 0
    sql.execute("DELETE FROM basket.baskets WHERE id = ANY(%s)", [young])


def test_more_than_a_bite_goes_in_one_sweep(sql: Any) -> None:
    sweep()
    sql.execute(
        """INSERT INTO basket.baskets (id, token_digest, created_at, updated_at)
        SELECT gen_random_uuid(), sha256(gen_random_uuid()::text::bytea), now() - interval '31 days',
            now() - interval '31 days' FROM generate_series(1, 1001)"""
    )
    assert sweep() == 1001


@pytest.mark.parametrize("user", [False, True], ids=["guest", "user"])
def test_what_is_touched_while_it_is_swept_stays(shop: Any, sql: Any, basket: Made, user: bool) -> None:
    sweep()
    touched, old = basket(400, user=user), basket(400, user=user)
    touch = "UPDATE basket.baskets SET version = version + 1, updated_at = now() WHERE id = %s"
    with overtaken(shop["database_url"], touch, [touched]):
        assert sweep() == 1
    assert left(sql, touched, old) == [touched]
    assert sql.execute("SELECT count(*) FROM basket.lines WHERE basket_id = %s", [touched]).fetchone() == (2,)
    sql.execute("DELETE FROM basket.baskets WHERE id = %s", [touched])


def test_a_change_puts_the_sweep_off_and_reading_doesnt(staff: str, customer: Any, sql: Any) -> None:
    made = product(staff)["id"]
    answers = [call("POST", "/basket/items", {"product_id": made, "quantity": 1}) for _ in range(2)]
    changed, only_read = (
        (good(answer)["id"], {"X-Basket-Token": answer.headers["x-basket-token"]}) for answer in answers
    )
    sql.execute(
        "UPDATE basket.baskets SET created_at = now() - interval '31 days', updated_at = now() - interval '31 days'"
        " WHERE id = ANY(%s)",
        [[changed[0], only_read[0]]],
    )
    good(call("PATCH", f"/basket/items/{made}", {"quantity": 2}, headers=changed[1]))
    good(call("GET", "/basket", headers=only_read[1]))
    sweep()
    assert good(call("GET", "/basket", headers=changed[1]))["items"][0]["quantity"] == "2.000"
    gone = call("GET", "/basket", headers=only_read[1])
    assert (gone.status, gone.body["code"]) == (404, "basket_not_found")
    nothing = good(
        call("POST", "/basket/merge", {"basket_token": only_read[1]["X-Basket-Token"]}, token=customer["access_token"])
    )
    assert (nothing["id"], nothing["merged"]) == (None, [])
