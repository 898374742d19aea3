"""A function that is cut in the middle of a checkout, its stock and its key locked: the locks go with it, or in time.

Killed, its connection ends with it, and the server lets go at once. Frozen, the connection stands: then the server
ends the transaction `idle_in_transaction_session_timeout` (5 s) after its last statement. Who wants the same stock
meanwhile is answered 503 when `lock_timeout` (2 s) is over, and waits for a second as Retry-After says. So nobody waits
longer than those together, beside what the machine itself takes.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.orders.balances import assert_adds_up, balance
from tests.faults.orders.customers import Customer, checkout, customers, lay
from tests.faults.orders.environments import Environments, Told, told_to_wait
from tests.functions.buyers import Buyer
from tests.functions.calls import unique
from tests.functions.environment import Environment

PRICE = 12990
IDLE_SECONDS, LOCK_SECONDS, RETRY_SECONDS = 5.0, 2.0, 1.5
MACHINE_SECONDS = 4.0  # a slow one; alone it takes a tenth of that


@pytest.fixture
def cut(goods: Any, warehouse: Any, sql: Any) -> Iterator["Cut"]:
    """A checkout that has come as far as its stock."""
    made = Cut(goods({warehouse(): 2}), sql)
    yield made
    made.function.thaw()
    made.function.kill()


class Cut:
    """Two customers who want the same two pieces, and the first one's checkout, which holds them."""

    def __init__(self, thing: str, sql: Any) -> None:
        Buyer({thing: 1})
        self.thing, self.sql = thing, sql
        self.first, self.second = customers(sql, 2)
        lay(sql, [self.first, self.second], {thing: 2})
        self.wanted = checkout(self.first, 2 * PRICE, unique("key"))
        self.function = Environment()
        self.function.begin(**self.wanted, stop=("reserved",))
        self.function.reached("reserved")

    def holds(self) -> bool:
        """Whether the key is locked still."""
        row = self.sql.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted").fetchone()
        return bool(row[0])

    def orders_of(self, customer: Customer) -> int:
        row = self.sql.execute("SELECT count(*) FROM basket.orders WHERE user_id = %s", [customer.id]).fetchone()
        return int(row[0])


def _through(crowd: Environments, wanted: dict[str, Any]) -> tuple[Told, float]:
    """The answer that comes at last, and after how long."""
    ((told,),) = crowd.at_once([[wanted]])
    assert set(told_to_wait([told])) <= {"503 unavailable"}
    return told, told.seconds


def test_killed_it_leaves_no_lock(cut: Cut, environments: Any) -> None:
    crowd = environments(1)
    assert cut.holds()
    cut.function.kill()
    told, seconds = _through(crowd, checkout(cut.second, 2 * PRICE, unique("key")))
    assert told.status == 201, told
    assert seconds < RETRY_SECONDS + MACHINE_SECONDS
    assert cut.orders_of(cut.first) == 0
    again, _ = _through(crowd, cut.wanted)
    assert again.code == "out_of_stock", "its key is free"
    assert balance(cut.sql, cut.thing) == (2, 2)
    assert_adds_up(cut.sql, [cut.thing])


def test_frozen_it_holds_others_up_until_its_transaction_is_ended(cut: Cut, environments: Any) -> None:
    crowd = environments(1)
    cut.function.freeze()
    begun = time.monotonic()
    told, seconds = _through(crowd, checkout(cut.second, 2 * PRICE, unique("key")))
    assert told.status == 201, told
    assert seconds < IDLE_SECONDS + RETRY_SECONDS + MACHINE_SECONDS
    assert all(wait["seconds"] < LOCK_SECONDS + MACHINE_SECONDS for wait in told.waits)
    print(f"through after {time.monotonic() - begun:.1f} s, told to wait {len(told.waits)} times")
    assert cut.orders_of(cut.first) == 0
    # It wakes, finds its connection ended, and does all of it again: there is nothing left.
    cut.function.thaw()
    cut.function.go_on()
    answer = cut.function.finish()
    assert (answer.status, answer.body["code"]) == (409, "out_of_stock")
    assert balance(cut.sql, cut.thing) == (2, 2)
    assert_adds_up(cut.sql, [cut.thing])


def test_frozen_its_own_retry_gets_the_order_and_when_it_wakes_it_is_told_the_same(cut: Cut, environments: Any) -> None:
    crowd = environments(1)
    cut.function.freeze()
    begun = time.monotonic()
    told, _ = _through(crowd, cut.wanted)
    while told.code == "request_in_progress" and time.monotonic() < begun + IDLE_SECONDS + MACHINE_SECONDS:
        told, _ = _through(crowd, cut.wanted)
    assert told.status == 201, told
    cut.function.thaw()
    cut.function.go_on()
    woken = cut.function.finish()
    assert (woken.status, woken.content.decode()) == (201, told.content)
    assert woken.headers["idempotency-replayed"] == "true"
    assert cut.orders_of(cut.first) == 1
    assert balance(cut.sql, cut.thing) == (2, 2)
    assert_adds_up(cut.sql, [cut.thing])
