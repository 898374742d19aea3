"""Lists of orders: one's own, and for staff everybody's; filters, pages, and pages of large ones."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.functions.calls import call, good
from tests.functions.owners import refused


def test_lists_are_ones_own_and_staffs_are_everybodys(sold: Any, buyer: Any, goods: Any, warehouse: Any) -> None:
    place = warehouse()
    thing = goods({place: 10})
    anna, other = buyer({thing: 1}), sold()
    orders = [anna.checkout(), *(anna.put({thing: 1}) or anna.checkout() for _ in range(2))]

    def listed(token: str, **query: Any) -> list[str]:
        found = good(call("GET", f"/basket/orders?{urlencode({'limit': 100, **query})}", token=token))["items"]
        return [order["id"] for order in found]

    ids = [order["id"] for order in reversed(orders)]
    assert listed(anna.token) == ids
    assert listed(other.staff, user_id=anna.id) == ids
    assert other.order["id"] in listed(other.staff, status="placed")
    assert listed(anna.token, user_id=other.buyer.id) == []
    number = orders[0]["number"]
    for written in (number, number.lower(), number.replace("-", ""), f" {number.replace('-', ' - ')} "):
        assert listed(other.staff, number=written) == [ids[-1]]
    good(call("PATCH", f"/basket/orders/{ids[0]}", {"status": "paid"}, token=other.staff))
    assert listed(other.staff, warehouse=place, status="paid", payment_status="paid") == ids[:1]
    assert listed(anna.token, status="placed") == ids[1:]
    assert listed(anna.token, payment_method="telegram") == []
    page = good(call("GET", "/basket/orders?limit=2", token=anna.token))
    following = f"/basket/orders?limit=2&cursor={page['next_cursor']}"
    assert [order["id"] for order in page["items"] + good(call("GET", following, token=anna.token))["items"]] == ids
    refused(call("GET", f"{following}&status=placed", token=anna.token), 422, "invalid_cursor")
    refused(call("GET", "/basket/orders?status=eaten", token=anna.token), 422, "invalid_parameter")


def test_a_page_of_large_orders_is_short_and_the_next_goes_on(
    buyer: Any, goods: Any, warehouse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("basket.orders.PAGE_BYTES", 400)  # a line has about 300
    place = warehouse()
    thing, other = goods({place: 9}), goods({place: 9})
    anna = buyer({thing: 1, other: 1})
    orders = [anna.checkout()["id"]]
    for wanted in ({thing: 1}, {thing: 1, other: 1}, {thing: 1}):
        anna.put(wanted)
        orders.append(anna.checkout()["id"])
    pages, path = [], "/basket/orders?limit=100"
    while path:
        page = good(call("GET", path, token=anna.token))
        pages.append([order["id"] for order in page["items"]])
        path = page["next_cursor"] and f"/basket/orders?limit=100&cursor={page['next_cursor']}"
    assert pages == [orders[:1:-1], orders[1::-1]]
