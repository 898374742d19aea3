"""What prices were: a history that nobody can forget to write, and the lowest of thirty days."""

from typing import Any

import pytest

from tests.functions.calls import call, good, product

NOBODYS = "019aa7c0-0000-7000-8000-000000000001"


def _reprice(thing: Any, amount: int, token: str) -> None:
    price = {"amount": amount, "currency": "RUB"}
    good(call("PATCH", f"/store/products/{thing['id']}", {"price": price}, token=token))


def _prices(thing: Any, query: str = "") -> Any:
    return good(call("GET", f"/store/products/{thing['id']}/prices{query}"))


def _amounts(told: Any) -> list[int]:
    return [item["price"]["amount"] for item in told["items"]]


def _with_past(sql: Any, thing: Any, *held: tuple[int, int]) -> None:
    """Give a product another past: prices, each with how many days ago it began."""
    sql.execute("DELETE FROM store.prices WHERE product_id = %s", [thing["id"]])
    for amount, days in held:
        sql.execute(
            "INSERT INTO store.prices (product_id, since, amount, currency)"
            " VALUES (%s, now() - %s * interval '1 day', %s, 'RUB')",
            [thing["id"], days, amount],
        )


def test_a_new_product_has_one_price_and_none_before(staff: str) -> None:
    told = _prices(product(staff))
    assert _amounts(told) == [12990]
    assert told["next_cursor"] is None
    assert told["lowest_30_days"] == {"amount": 12990, "currency": "RUB"}
    assert told["prior_price"] is None


def test_every_price_is_kept_and_nothing_else(staff: str) -> None:
    thing = product(staff)
    for amount in (9990, 9990, 14990):
        _reprice(thing, amount, staff)
    good(call("PATCH", f"/store/products/{thing['id']}", {"name": "Сыр зрелый"}, token=staff))
    told = _prices(thing)
    assert _amounts(told) == [14990, 9990, 12990]
    since = [item["since"] for item in told["items"]]
    assert since == sorted(since, reverse=True)
    assert told["lowest_30_days"]["amount"] == 9990
    assert told["prior_price"]["amount"] == 9990


@pytest.mark.parametrize(
    ("held", "lowest", "prior"),
    [
        ([(100, 90)], 100, None),
        ([(50, 90), (100, 60), (80, 0)], 80, 100),  # what ended sixty days ago is forgotten
        ([(50, 90), (100, 29), (80, 10)], 50, 50),  # what ended 29 days ago held within both windows
        ([(50, 90), (100, 31), (80, 10)], 80, 50),  # ended 31 days ago: before now, but 21 before the present one
        ([(50, 90), (100, 45), (80, 10)], 80, 100),  # and 35 before it
        ([(100, 20), (40, 19), (100, 18), (60, 1)], 40, 40),  # a day's sale counts
        ([(100, 400), (60, 200)], 60, 100),  # the present one for long: what held when it began
    ],
)
def test_the_lowest_of_thirty_days(
    staff: str, sql: Any, held: list[tuple[int, int]], lowest: int, prior: int | None
) -> None:
    thing = product(staff)
    _with_past(sql, thing, *held)
    told = _prices(thing)
    assert told["lowest_30_days"]["amount"] == lowest
    assert (told["prior_price"] and told["prior_price"]["amount"]) == prior


def test_a_price_changed_twice_in_one_transaction_is_kept_twice(staff: str, sql: Any) -> None:
    thing = product(staff)
    with sql.transaction():
        for amount in (300, 200):
            sql.execute("UPDATE store.products SET price_amount = %s WHERE id = %s", [amount, thing["id"]])
    assert _amounts(_prices(thing)) == [200, 300, 12990]
    with sql.transaction(force_rollback=True):
        sql.execute("UPDATE store.products SET price_amount = 1 WHERE id = %s", [thing["id"]])
    assert _amounts(_prices(thing)) == [200, 300, 12990]


def test_pages_miss_nothing_and_repeat_nothing(staff: str, sql: Any) -> None:
    thing = product(staff)
    _with_past(sql, thing, *((amount, 100 - amount) for amount in range(1, 8)))
    found: list[int] = []
    cursor = ""
    while True:
        told = _prices(thing, f"?limit=3{cursor}")
        found += _amounts(told)
        assert told["lowest_30_days"]["amount"] == 7  # of all, not of the page
        if told["next_cursor"] is None:
            break
        cursor = f"&cursor={told['next_cursor']}"
    assert found == [7, 6, 5, 4, 3, 2, 1]
    other = product(staff)
    wrong = call("GET", f"/store/products/{other['id']}/prices?limit=3{cursor}")
    assert (wrong.status, wrong.body["code"]) == (422, "invalid_cursor")


def test_of_what_isnt_sold_only_staff_see_prices(staff: str) -> None:
    thing = product(staff, status="draft")
    path = f"/store/products/{thing['id']}/prices"
    assert _amounts(good(call("GET", path, token=staff))) == [12990]
    for gone in (path, f"/store/products/{NOBODYS}/prices"):
        answer = call("GET", gone)
        assert (answer.status, answer.body["code"]) == (404, "product_not_found")
