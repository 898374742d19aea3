"""The last ten pieces before two hundred buyers, twenty times: ten orders each time, and the books add up."""

from collections import Counter
from typing import Any

from tests.faults.orders.balances import assert_adds_up, balance, ordered
from tests.faults.orders.customers import checkout, customers, lay
from tests.faults.orders.environments import told_to_wait
from tests.functions.calls import call, good, unique

BUYERS = 200
ROUNDS = 20
PIECES = 10
PRICE = 12990


def test_ten_pieces_are_sold_to_ten(environments: Any, goods: Any, warehouse: Any, staff: str, sql: Any) -> None:
    crowd, buyers, place = environments(BUYERS), customers(sql, BUYERS), warehouse()
    things, waits = [], Counter[str]()
    for _ in range(ROUNDS):
        thing = goods({place: PIECES})
        things.append(thing)
        _know(buyers[0], thing)
        lay(sql, buyers, {thing: 1})
        plans = [[checkout(buyer, PRICE, unique("key"))] for buyer in buyers]
        answers = [told for (told,) in crowd.at_once(plans)]
        waits.update(told_to_wait(answers))
        assert Counter((told.status, told.code) for told in answers) == {
            (201, None): PIECES,
            (409, "out_of_stock"): BUYERS - PIECES,
        }, waits
        assert len({told.body["id"] for told in answers if told.status == 201}) == PIECES
        assert ordered(sql, thing, "placed") == PIECES
        assert balance(sql, thing) == (PIECES, PIECES)
        empty = sql.execute("SELECT count(*) FROM basket.lines WHERE product_id = %s", [thing]).fetchone()[0]
        assert empty == BUYERS - PIECES, "whoever got an order has an empty basket, and nobody else"
    assert_adds_up(sql, things)
    assert set(waits) <= {"503 unavailable"}
    print(f"of {BUYERS * ROUNDS} checkouts, told to wait: {dict(waits)}")

    for order in [told.body for told in answers if told.status == 201]:
        for status in ("picking", "delivering", "delivered"):
            good(call("PATCH", f"/basket/orders/{order['id']}", {"status": status}, token=staff))
    assert balance(sql, things[-1]) == (0, 0)
    assert_adds_up(sql, things)


def _know(buyer: Any, thing: str) -> None:
    """Let the basket have its copy of a product that was made a moment ago."""
    good(call("PATCH", f"/basket/items/{thing}", {"quantity": "1"}, token=buyer.token))
