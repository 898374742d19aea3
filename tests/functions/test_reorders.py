"""Reordering: what is still sold comes again, at present prices; what doesn't is said."""

from typing import Any

from tests.functions.buyers import Buyer
from tests.functions.calls import call, good, unique
from tests.functions.owners import refused


def reorder(buyer: Buyer, order: Any, **headers: str) -> Any:
    return call("POST", f"/basket/orders/{order['id']}/reorder", token=buyer.token, headers=headers)


def lines(basket: Any) -> dict[str, str]:
    return {line["product_id"]: line["quantity"] for line in basket["items"]}


def test_the_same_again_at_present_prices(buyer: Any, goods: Any, warehouse: Any, sql: Any) -> None:
    place = warehouse()
    cheese, bread = goods({place: 50}), goods({place: 50})
    anna: Buyer = buyer({cheese: "1.5", bread: 2})
    order = anna.checkout()
    sql.execute("UPDATE basket.products SET price_amount = 20000 WHERE id = %s", [cheese])
    before = anna.basket()["version"]
    basket = good(reorder(anna, order))
    assert lines(basket) == {cheese: "1.500", bread: "2.000"}
    assert [line["price_seen"]["amount"] for line in basket["items"]] == [20000, 12990]
    assert (basket["skipped"], basket["adjusted"], basket["warnings"]) == ([], [], [])
    assert basket["version"] == before + 1
    # To what is there already it is added, and under one key once.
    key = {"Idempotency-Key": unique("key")}
    assert lines(good(reorder(anna, order, **key))) == {cheese: "3.000", bread: "4.000"}
    good(reorder(anna, order, **key))
    assert lines(anna.basket()) == {cheese: "3.000", bread: "4.000"}


def test_what_cannot_come_again_is_said(buyer: Any, goods: Any, warehouse: Any, sql: Any) -> None:
    place = warehouse()
    things = [goods({place: 50}) for _ in range(6)]
    gone, capped, full, uneven, least, plain = things
    anna: Buyer = buyer(dict.fromkeys(things, 2))
    order = anna.checkout()
    anna.put({full: 3, capped: 1})

    def becomes(thing: str, change: str) -> None:
        sql.execute(f"UPDATE basket.products SET {change} WHERE id = %s", [thing])

    becomes(gone, "status = 'archived'")
    becomes(capped, "max_quantity = 2")
    becomes(full, "max_quantity = 3")
    becomes(uneven, "quantity_step = 1.5")
    becomes(least, "min_quantity = 5")
    basket = good(reorder(anna, order))
    assert lines(basket) == {capped: "2.000", full: "3.000", uneven: "1.500", plain: "2.000"}
    assert {line["product_id"]: line["code"] for line in basket["skipped"]} == {
        gone: "product_gone", full: "above_maximum", least: "below_minimum",
    }  # fmt: skip
    assert {line["product_id"]: (line["from"], line["to"], line["code"]) for line in basket["adjusted"]} == {
        capped: ("2.000", "1.000", "above_maximum"), uneven: ("2.000", "1.500", "not_a_multiple"),
    }  # fmt: skip


def test_a_full_basket_takes_what_it_has_room_for(buyer: Any, goods: Any, warehouse: Any, sql: Any) -> None:
    place = warehouse()
    one, two = goods({place: 50}), goods({place: 50})
    anna: Buyer = buyer({one: 1, two: 1})
    order = anna.checkout()
    sql.execute(
        "INSERT INTO basket.lines (basket_id, product_id, quantity, price_seen)"
        " SELECT id, gen_random_uuid(), 1, 1 FROM basket.baskets, generate_series(1, 199) WHERE user_id = %s",
        [anna.id],
    )
    basket = good(reorder(anna, order))
    assert one in lines(basket)
    assert basket["skipped"] == [{"product_id": two, "code": "basket_full"}]


def test_only_ones_own_order(buyer: Any, goods: Any, warehouse: Any, staff: str) -> None:
    order = buyer({goods({warehouse(): 5}): 1}).checkout()
    refused(reorder(buyer(), order), 404, "not_found")
    refused(call("POST", f"/basket/orders/{order['id']}/reorder", token=staff), 404, "not_found")
