"""Orders to be paid online that weren't in time: each expires by itself, whatever holds another up."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.functions.calls import good
from tests.functions.events import Context


@pytest.fixture
def aged(sql: Any) -> Callable[[Any], None]:
    """Makes an order an hour old."""

    def age(order: Any) -> None:
        sql.execute("UPDATE basket.orders SET created_at = now() - interval '1 hour' WHERE id = %s", [order["id"]])

    return age


def test_what_is_not_paid_in_time_expires(sold: Any, aged: Any, context: Context) -> None:
    from basket.order_expiry import handler

    online, cash, fresh, paid = sold(payment_method="telegram"), sold(), sold(payment_method="telegram"), sold(
        payment_method="telegram"
    )  # fmt: skip
    good(paid.move(status="paid"))
    for it in (online, cash, paid):
        aged(it.order)
    assert handler({}, context)["expired"] >= 1
    assert [it.now()["status"] for it in (online, cash, fresh, paid)] == ["cancelled", "placed", "placed", "paid"]
    assert (online.stock(), cash.stock()) == ((10, 0), (10, 2))
    step = online.now()["history"][-1]
    assert (step["by"], step["by_role"], step["reason"]) == (None, "system", "not paid in time")
    assert online.told() == ["placed", "cancelled"]
    assert handler({}, context) == {"expired": 0}


def test_one_that_cannot_expire_holds_up_no_other(sold: Any, aged: Any, context: Context, sql: Any) -> None:
    from basket.order_expiry import handler

    broken, sound = sold(payment_method="telegram"), sold(payment_method="telegram")
    for it in (broken, sound):
        aged(it.order)
    # Its reservation is gone from the stock, so it can't be given back: nothing of the order may change.
    spoil = "UPDATE store.stock SET reserved = reserved + %s WHERE product_id = %s"
    sql.execute(spoil, [-2, broken.thing])
    try:
        with pytest.raises(RuntimeError, match="1 orders can't expire"):
            handler({}, context)
        assert (broken.now()["status"], sound.now()["status"]) == ("placed", "cancelled")
    finally:
        sql.execute(spoil, [2, broken.thing])
    assert handler({}, context)["expired"] == 1
    assert (broken.now()["status"], broken.stock()) == ("cancelled", (10, 0))


def test_one_whose_goods_somebody_holds_holds_up_no_other(
    sold: Any, aged: Any, context: Context, shop: dict[str, Any]
) -> None:
    from basket.order_expiry import handler

    held, sound = sold(payment_method="telegram"), sold(payment_method="telegram")
    for it in (held, sound):
        aged(it.order)
    with psycopg.connect(shop["database_url"]) as holder:
        holder.execute("SELECT FROM store.stock WHERE product_id = %s FOR UPDATE", [held.thing])
        with pytest.raises(RuntimeError, match="1 orders can't expire"):
            handler({}, context)
        assert (held.now()["status"], sound.now()["status"]) == ("placed", "cancelled")
    assert handler({}, context)["expired"] == 1
    assert (held.now()["status"], held.stock()) == ("cancelled", (10, 0))
