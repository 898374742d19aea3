"""Baskets of thirty shuffled lines bought by 32, while staff move and change the same goods, orders end, and an import
runs over them: nobody waits in a circle, so no deadlock ever comes to be, let alone to a client."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults.orders.balances import assert_adds_up
from tests.faults.orders.customers import Customer, checkout, customers, lay
from tests.faults.orders.environments import Environments, told_to_wait
from tests.functions.buyers import Buyer
from tests.functions.calls import unique
from tests.functions.goods_files import Importing, turn_event

CLIENTS = 32
ROUNDS = 3
GOODS, LINES, STOCK, PRICE = 40, 30, 100_000, 12990
MOVERS, MOVES = 3, 12
ENDERS = 2


class Shop:
    """Goods in two warehouses, and those who are at them."""

    def __init__(self, things: list[str], places: Sequence[str], staff: str, sql: Any) -> None:
        self.things, self.places, self.staff, self.sql = things, places, staff, sql
        self.importing = Importing(staff, sql)
        self.skus = [sku for (sku,) in sql.execute("SELECT sku FROM store.products WHERE id = ANY(%s)", [things])]

    def buying(self, buyers: list[Customer]) -> list[list[dict[str, Any]]]:
        """A checkout each, of a basket in an order of its own."""
        lay(self.sql, buyers, [dict.fromkeys(random.sample(self.things, LINES), 1) for _ in buyers])
        return [[checkout(buyer, LINES * PRICE, unique("key"))] for buyer in buyers]

    def moving(self) -> list[dict[str, Any]]:
        """Movements of any goods by one of the staff, who changes goods and warehouses between them."""
        calls = []
        for number in range(MOVES):
            calls.append(self._movement(random.choice(["receive", "write_off", "transfer"])))
            changed = random.choice([f"products/{random.choice(self.things)}", f"warehouses/{self.places[0]}"])
            field = "description" if changed.startswith("products") else "name"
            body = {field: f"{number} {unique()}"}
            calls.append({"method": "PATCH", "path": f"/store/{changed}", "body": body, "token": self.staff})
        return calls

    def _movement(self, kind: str) -> dict[str, Any]:
        place, other = random.sample(self.places, 2)
        body = {"kind": kind, "product_id": random.choice(self.things), "warehouse_id": place, "quantity": "1"}
        body |= {"reason": "test"} | ({"to_warehouse_id": other} if kind == "transfer" else {})
        return {"method": "POST", "path": "/store/stock/movements", "body": body, "token": self.staff, "key": unique()}

    def ending(self, orders: Sequence[str]) -> list[dict[str, Any]]:
        """Orders cancelled or delivered by one of the staff, in any order."""
        calls = []
        for order in random.sample(orders, len(orders)):
            path = f"/basket/orders/{order}"
            if random.random() < 0.5:
                calls.append({"method": "POST", "path": f"{path}/cancel", "body": {}, "key": unique()})
            else:
                steps = ("picking", "delivering", "delivered")
                calls += [{"method": "PATCH", "path": path, "body": {"status": step}} for step in steps]
        return [{**each, "token": self.staff} for each in calls]

    def importing_all(self, name: str) -> list[dict[str, Any]]:
        """The first turn of an import that gives all the goods another name."""
        rows = [{"sku": sku, "name": name} for sku in random.sample(self.skus, len(self.skus))]
        return [{"function": "imports", "event": turn_event(self.importing.untold(self.importing.csv(rows)))}]


def test_nobody_waits_in_a_circle(
    environments: Any, goods: Any, warehouse: Any, staff: str, sql: Any, logs: Path
) -> None:
    places = [warehouse(), warehouse()]
    things = [goods(dict.fromkeys(places, STOCK)) for _ in range(GOODS)]
    Buyer(dict.fromkeys(things, 1))
    shop, buyers = Shop(things, places, staff, sql), customers(sql, CLIENTS)
    before, waits, orders = _deadlocks(sql, logs), Counter[str](), list[str]()
    crowd: Environments = environments(CLIENTS + MOVERS + ENDERS + 1)
    for number in range(ROUNDS):
        plans = shop.buying(buyers)
        plans += [shop.moving() for _ in range(MOVERS)]
        plans += [shop.ending(orders[turn::ENDERS]) for turn in range(ENDERS)]
        plans.append(shop.importing_all(f"Сыр {number}"))
        answers = crowd.at_once(plans)
        waits.update(told_to_wait([told for plan in answers for told in plan]))
        bought = [told for (told,) in answers[:CLIENTS]]
        assert {(told.status, told.code) for told in bought} == {(201, None)}, bought
        assert {told.status for plan in answers[CLIENTS:] for told in plan} <= {200, 201}, answers[CLIENTS:]
        orders = [told.body["id"] for told in bought]
    crowd.end()
    assert _deadlocks(sql, logs) == before
    names = sql.execute("SELECT DISTINCT name FROM store.products WHERE id = ANY(%s)", [things]).fetchall()
    assert names == [(f"Сыр {ROUNDS - 1}",)], "the import went over all of them"
    assert_adds_up(sql, things)
    print(f"{ROUNDS} rounds, told to wait: {dict(waits)}")


def _deadlocks(sql: Any, logs: Path) -> tuple[int, int]:
    """How many the server has counted, and how many it has told of: what it counts it may tell some seconds later."""
    row = sql.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    return row[0], (logs / "postgres.log").read_text(errors="replace").count("deadlock detected")
