"""The largest and the smallest that the API accepts: exact, or refused in words, never a 500 after the change."""

from decimal import Decimal
from typing import Any

from eatit.money import line_total
from store.units import unit_price
from tests.functions.buyers import Buyer
from tests.functions.calls import call, good, product, unique, unit
from tests.functions.owners import refused

DEAREST = {"amount": 10**12, "currency": "RUB"}


def test_a_unit_price_that_no_column_holds_is_refused(staff: str) -> None:
    speck = unit(staff, factor="0.000000001")
    made = product(staff, unit_id=speck["id"], price={"amount": 1, "currency": "RUB"})
    given = {"price": DEAREST, "sold_by": "piece", "pack_size": "0.000001", "quantity_step": "1", "min_quantity": "1"}

    answer = call("PATCH", f"/store/products/{made['id']}", given, token=staff)

    assert answer.status == 422
    assert [fault["pointer"] for fault in answer.body["errors"]] == ["/pack_size"]


def test_a_half_is_told_from_what_is_almost_one() -> None:
    assert unit_price(10**12, "piece", Decimal("0.000001"), "mass", Decimal("0.000000001")) == (10**30, "kg")
    # 28 digits would make a whole half of the first, and so a kopeck too much.
    assert unit_price(1, "piece", Decimal("1000000"), "mass", Decimal("0.002000000000000000000000000001")) == (0, "kg")
    assert unit_price(1, "piece", Decimal("1000000"), "mass", Decimal("0.002")) == (1, "kg")
    assert line_total(10**12, Decimal("999999999.999")) == 999999999999 * 10**9


def test_a_basket_beyond_64_bits_is_answered_exactly(staff: str, customer: Any) -> None:
    token = customer["access_token"]
    given = {"price": DEAREST, "quantity_step": "1", "max_quantity": 999_999_999}
    lines = [product(staff, **given)["id"] for _ in range(2)]
    for line in lines:
        body = {"product_id": line, "quantity": 999_999_999}
        basket = good(call("POST", "/basket/items", body, token=token))

    assert basket["total"]["amount"] == 2 * 999_999_999 * 10**12
    answer = call("GET", "/basket", token=token)
    assert good(answer) == basket
    assert call("GET", "/basket", token=token, headers={"If-None-Match": answer.headers["etag"]}).status == 304


def test_an_order_costs_no_more_than_a_customer_can_agree_to(buyer: Any, goods: Any, warehouse: Any, sql: Any) -> None:
    diamond = goods({warehouse(): 5}, price=DEAREST, quantity_step="1")
    anna: Buyer = buyer({diamond: 2})
    key = unique("key")
    answer = anna.try_checkout(total=10**12, key=key)
    refused(answer, 409, "above_maximum_order")
    assert answer.body["maximum_order"] == DEAREST
    assert sql.execute("SELECT reserved FROM store.stock WHERE product_id = %s", [diamond]).fetchone() == (0,)
    good(call("PATCH", f"/basket/items/{diamond}", {"quantity": "1"}, token=anna.token))
    assert anna.checkout(key=key)["total"] == DEAREST
