"""An order that everybody ends at once: staff, its customer twice, expiry, delivery. One end, and its stock goes back
once or is sold once."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from tests.faults.orders.balances import assert_adds_up, balance
from tests.faults.orders.customers import Customer, checkout, customers, lay
from tests.faults.orders.environments import Told, told_to_wait
from tests.functions.buyers import Buyer
from tests.functions.calls import call, good, unique

ORDERS = 15
PIECES, WANTED, PRICE = 10, 2, 12990
ENDS = ("cancelled", "delivered")
LADDER = ("paid", "picking", "delivering", "delivered")


class Racing:
    """Orders that have come as far as `status`, one after the other, each with six who want to end it."""

    def __init__(self, status: str, thing: str, staff: str, sql: Any) -> None:
        self.status, self.thing, self.staff, self.sql = status, thing, staff, sql
        (self.anna,) = customers(sql, 1)

    def placed(self) -> Any:
        lay(self.sql, [self.anna], {self.thing: WANTED})
        wanted = checkout(self.anna, WANTED * PRICE, unique("key"), payment_method="telegram")
        headers = {"Idempotency-Key": wanted["key"]}
        order = good(call("POST", wanted["path"], wanted["body"], token=self.anna.token, headers=headers), 201)
        self.sql.execute("UPDATE basket.orders SET created_at = now() - interval '1 hour' WHERE id = %s", [order["id"]])
        for status in LADDER[: LADDER.index(self.status) + 1] if self.status in LADDER else ():
            good(call(*self._move(order, status), token=self.staff))
        return order

    def plans(self, order: Any) -> list[list[dict[str, Any]]]:
        """Those who race; none of them would be alone in being refused."""
        cancelled = [self._cancel(order, who) for who in (self.staff, self.staff, self.anna.token, self.anna.token)]
        left = LADDER[LADDER.index(self.status) + 1 :] if self.status in LADDER else LADDER
        delivered = [self._call(*self._move(order, status)) for status in left]
        return [[each] for each in cancelled] + [delivered, delivered, [{"function": "expiry"}]]

    def _cancel(self, order: Any, token: str) -> dict[str, Any]:
        path = f"/basket/orders/{order['id']}/cancel"
        return {"method": "POST", "path": path, "body": {}, "token": token, "key": unique("key")}

    def _move(self, order: Any, status: str) -> tuple[str, str, dict[str, str]]:
        return "PATCH", f"/basket/orders/{order['id']}", {"status": status}

    def _call(self, method: str, path: str, body: dict[str, str]) -> dict[str, Any]:
        return {"method": method, "path": path, "body": body, "token": self.staff}


@pytest.mark.parametrize("status", ["placed", "delivering"])
def test_an_order_ends_once(status: str, environments: Any, goods: Any, warehouse: Any, staff: str, sql: Any) -> None:
    thing = goods({warehouse(): PIECES * ORDERS})
    Buyer({thing: 1})
    racing, ends = Racing(status, thing, staff, sql), Counter[str]()
    crowd = environments(len(racing.plans({"id": None})))
    for _ in range(ORDERS):
        order = racing.placed()
        before = balance(sql, thing)
        told = [each for plan in crowd.at_once(racing.plans(order)) for each in plan]
        assert {(each.status, each.code) for each in told} <= {(200, None), (409, "illegal_transition")}, told
        assert set(told_to_wait(told)) <= {"503 unavailable"}
        ends[_ended(sql, racing.anna, order, told)] += 1
        sold = WANTED if _status(sql, order) == "delivered" else 0
        assert balance(sql, thing) == (before[0] - sold, before[1] - WANTED)
    assert_adds_up(sql, [thing])
    print(f"from {status}: {dict(ends)}")


def _status(sql: Any, order: Any) -> str:
    return str(sql.execute("SELECT status FROM basket.orders WHERE id = %s", [order["id"]]).fetchone()[0])


def _ended(sql: Any, anna: Customer, order: Any, told: list[Told]) -> str:
    """What ended the order, once: in its state, its history, its reservation, the events, and the answers."""
    end = _status(sql, order)
    assert end in ENDS
    history = good(call("GET", f"/basket/orders/{order['id']}", token=anna.token))["history"]
    assert [step["status"] for step in history if step["status"] in ENDS] == [end]
    assert history[-1]["status"] == end
    (state,) = sql.execute("SELECT state FROM store.reservations WHERE order_id = %s", [UUID(order["id"])]).fetchone()
    assert state == {"cancelled": "released", "delivered": "sold"}[end]
    rows = sql.execute(
        "SELECT type, version FROM events.outbox WHERE aggregate_id = %s ORDER BY version", [order["id"]]
    )
    events = rows.fetchall()
    assert [kind.rpartition(".")[2] for kind, _ in events if kind.rpartition(".")[2] in ENDS] == [end]
    assert [version for _, version in events] == list(range(1, len(events) + 1))
    answered = [each.body["status"] for each in told if each.status == 200 and "status" in each.body]
    expired = sum(each.body.get("expired", 0) for each in told if each.status == 200)
    assert len([each for each in answered if each in ENDS]) + expired == 1, told
    return f"{end} by {history[-1]['by_role']}"
