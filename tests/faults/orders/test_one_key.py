"""One key is one order: pressed twenty times at once, killed before its answer, or refused at first."""

from typing import Any

from tests.faults.orders.balances import assert_adds_up, balance
from tests.faults.orders.customers import checkout, customers, lay
from tests.functions.buyers import Buyer
from tests.functions.calls import call, good, unique
from tests.functions.environment import Environment
from tests.functions.owners import refused

AT_ONCE = 20
ROUNDS = 5
PRICE = 12990


def test_twenty_at_once_are_one_order(environments: Any, goods: Any, warehouse: Any, sql: Any) -> None:
    crowd, (anna,) = environments(AT_ONCE), customers(sql, 1)
    thing = goods({warehouse(): 100})
    Buyer({thing: 1})  # the basket has its copy of it now
    for number in range(1, ROUNDS + 1):
        lay(sql, [anna], {thing: 1})
        pressed = checkout(anna, PRICE, unique("key"))
        answers = [told for (told,) in crowd.at_once([[pressed]] * AT_ONCE)]
        done = [told for told in answers if told.status == 201]
        assert len([told for told in done if "idempotency-replayed" not in told.headers]) == 1, answers
        assert len({(told.content, told.headers["location"]) for told in done}) == 1
        assert {told.code for told in answers if told.status != 201} <= {"request_in_progress"}
        assert _orders_of(sql, anna.id) == number
        assert balance(sql, thing) == (100, number)
    assert_adds_up(sql, [thing])


def test_killed_between_commit_and_answer_the_retry_gets_the_answer(goods: Any, warehouse: Any, sql: Any) -> None:
    (anna,) = customers(sql, 1)
    thing = goods({warehouse(): 5})
    Buyer({thing: 1})
    lay(sql, [anna], {thing: 2})
    wanted = checkout(anna, 2 * PRICE, unique("key"))
    _killed_at("ordered", wanted)
    assert _orders_of(sql, anna.id) == 1
    first, again = _call(wanted), _call(wanted)
    assert (first.status, first.headers["idempotency-replayed"]) == (201, "true")
    assert (again.status, again.content) == (201, first.content)
    (kept,) = sql.execute("SELECT body FROM basket.idempotency WHERE body = %s", [first.content]).fetchall()
    assert bytes(kept[0]) == first.content, "what the killed one would have answered"
    assert first.headers["location"].endswith(first.body["id"])
    assert good(call("GET", f"/basket/orders/{first.body['id']}", token=anna.token)) == first.body
    assert _orders_of(sql, anna.id) == 1
    assert balance(sql, thing) == (5, 2)
    assert_adds_up(sql, [thing])


def test_killed_before_its_commit_nothing_is_done_and_the_key_is_free(goods: Any, warehouse: Any, sql: Any) -> None:
    (anna,) = customers(sql, 1)
    thing = goods({warehouse(): 5})
    Buyer({thing: 1})
    lay(sql, [anna], {thing: 2})
    wanted = checkout(anna, 2 * PRICE, unique("key"))
    _killed_at("reserved", wanted)
    assert _orders_of(sql, anna.id) == 0
    answer = _call(wanted)
    assert (answer.status, answer.headers.get("idempotency-replayed")) == (201, None)
    assert balance(sql, thing) == (5, 2)
    assert_adds_up(sql, [thing])


def test_what_was_refused_may_be_tried_again_with_its_key(goods: Any, warehouse: Any, staff: str, sql: Any) -> None:
    place, (anna,) = warehouse(), customers(sql, 1)
    thing = goods({place: 1})
    Buyer({thing: 1})
    lay(sql, [anna], {thing: 2})
    wanted = checkout(anna, 2 * PRICE, unique("key"))
    for _ in range(2):
        refused(_call(wanted), 409, "out_of_stock")
    more = {"kind": "receive", "warehouse_id": place, "product_id": thing, "quantity": "1", "reason": "test"}
    good(call("POST", "/store/stock/movements", more, token=staff), 201)
    order = good(_call(wanted), 201)
    assert good(_call(wanted), 201) == order
    assert _orders_of(sql, anna.id) == 1
    assert balance(sql, thing) == (2, 2)
    assert_adds_up(sql, [thing])


def _killed_at(point: str, wanted: dict[str, Any]) -> None:
    """An environment that has served before begins this, and is killed there."""
    environment = Environment()
    try:
        good(environment.call("GET", "/basket/health"))
        environment.begin(**wanted, die=point)
        environment.was_killed()
    finally:
        environment.kill()


def _call(wanted: dict[str, Any]) -> Any:
    headers = {"Idempotency-Key": wanted["key"]}
    return call(wanted["method"], wanted["path"], wanted["body"], token=wanted["token"], headers=headers)


def _orders_of(sql: Any, user: Any) -> int:
    return int(sql.execute("SELECT count(*) FROM basket.orders WHERE user_id = %s", [user]).fetchone()[0])
