"""Whatever is done to a user's and a guest's basket, one after another: each line is what it should be, and the totals
are the sums of the lines, each rounded once; told by a reckoning of its own in whole thousandths."""

from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.functions.calls import Answer, call, good, product, unique

MOST = [1_000_000_000, 9_000]  # of each product, in thousandths
Lines = dict[int, tuple[int, int]]  # by product: thousandths, and the price that was seen

POLICIES = ["sum", "replace", "keep"]

who = some.sampled_from(["user", "guest"])
which = some.integers(0, 1)
# Halves make the sums that are rounded from the middle.
thousandths = some.integers(1, 12).map(lambda halves: halves * 500) | some.integers(1, 6_000)
steps = some.one_of(
    some.tuples(some.just("add"), who, which, thousandths),
    some.tuples(some.just("add"), who, which, thousandths),
    some.tuples(some.just("set"), who, which, some.just(0) | thousandths),
    some.tuples(some.just("remove"), who, which),
    some.tuples(some.just("clear"), who),
    some.tuples(some.just("price"), which, some.integers(0, 9) | some.integers(0, 10**12)),
    some.tuples(some.just("price"), which, some.integers(0, 9)),
    some.tuples(some.just("sell"), which, some.booleans()),
    some.tuples(some.just("accept"), who),
    some.tuples(some.just("merge"), some.sampled_from(POLICIES)),
)


@dataclass
class Ground:
    """Two products, the one user, and the shop's database."""

    goods: list[str]
    user: str
    sql: "psycopg.Connection[Any]"


@pytest.fixture(scope="module")
def ground(shop: dict[str, Any], staff: str) -> Any:
    body = {"email": f"{unique()}@example.org", "password": "correct horse battery 42"}
    user = good(call("POST", "/auth/register", body), 201)["access_token"]
    goods = [product(staff, quantity_step="0.001", max_quantity=most)["id"] for most in (None, 9)]
    for each in goods:
        good(call("POST", "/basket/items", {"product_id": each, "quantity": 1}))  # so that the basket knows them
    with psycopg.connect(shop["database_url"], autocommit=True) as sql:
        yield Ground(goods, user, sql)


@dataclass
class Walk:
    """What was done, here by calls, there by a model of both baskets."""

    ground: Ground
    guest: str | None = None
    lines: dict[str, Lines] = field(default_factory=lambda: {"user": {}, "guest": {}})
    prices: list[int] = field(default_factory=lambda: [5, 5])
    sold: list[bool] = field(default_factory=lambda: [True, True])

    def call(self, method: str, path: str, who: str, body: Any = None) -> Answer:
        if who == "user":
            return call(method, path, body, token=self.ground.user)
        headers = {"X-Basket-Token": self.guest} if self.guest else {}
        answer = call(method, path, body, headers=headers)
        self.guest = answer.headers.get("x-basket-token", self.guest)
        return answer

    def add(self, who: str, which: int, more: int) -> None:
        body = {"product_id": self.ground.goods[which], "quantity": text(more)}
        before = self.lines[who].get(which)
        self._put(self.call("POST", "/basket/items", who, body), who, which, (before[0] if before else 0) + more)

    def set(self, who: str, which: int, to: int) -> None:
        answer = self.call("PATCH", f"/basket/items/{self.ground.goods[which]}", who, {"quantity": text(to)})
        if to:
            self._put(answer, who, which, to)
        else:
            good(answer)
            self.lines[who].pop(which, None)

    def _put(self, answer: Answer, who: str, which: int, to: int) -> None:
        if not self.sold[which]:
            assert answer.status == 404
        elif to > MOST[which]:
            assert answer.status == 422
        else:
            good(answer)
            seen = self.lines[who][which][1] if which in self.lines[who] else self.prices[which]
            self.lines[who][which] = (to, seen)

    def remove(self, who: str, which: int) -> None:
        good(self.call("DELETE", f"/basket/items/{self.ground.goods[which]}", who))
        self.lines[who].pop(which, None)

    def clear(self, who: str) -> None:
        good(self.call("DELETE", "/basket", who))
        self.lines[who].clear()

    def price(self, which: int, amount: int) -> None:
        self.prices[which] = amount
        self._change("price_amount", amount, which)

    def sell(self, which: int, sold: bool) -> None:
        self.sold[which] = sold
        self._change("status", "active" if sold else "archived", which)

    def _change(self, column: str, value: Any, which: int) -> None:
        self.ground.sql.execute(
            f"UPDATE basket.products SET {column} = %s WHERE id = %s", [value, self.ground.goods[which]]
        )

    def accept(self, who: str) -> None:
        good(self.call("POST", "/basket/accept-prices", who))
        for which, (quantity, _) in self.lines[who].items():
            if self.sold[which]:
                self.lines[who][which] = (quantity, self.prices[which])

    def merge(self, policy: str) -> None:
        body = {"basket_token": self.guest or "nobodys", "policy": policy}
        merged = good(self.call("POST", "/basket/merge", "user", body))["merged"]
        changed = set()
        for which, (quantity, seen) in self.lines["guest"].items():
            mine = self.lines["user"].get(which)
            if mine is None or policy == "replace":
                to = (quantity, seen)
            elif policy == "sum":
                to = (min(mine[0] + quantity, MOST[which]), min(mine[1], seen))
            else:
                to = mine
            capped = mine is not None and policy == "sum" and mine[0] + quantity > MOST[which]
            if capped or (mine or (0, 0))[0] != to[0]:
                changed.add((self.ground.goods[which], text(mine[0] if mine else 0), text(to[0])))
            self.lines["user"][which] = to
        assert {(each["product_id"], each["from"], each["to"]) for each in merged} == changed
        self.guest, self.lines["guest"] = None, {}

    def check(self) -> None:
        for who, lines in self.lines.items():
            basket = good(self.call("GET", "/basket", who))
            found = {
                self.ground.goods.index(line["product_id"]): (line["quantity"], line["price_seen"]["amount"])
                for line in basket["items"]
            }
            assert found == {which: (text(quantity), seen) for which, (quantity, seen) in lines.items()}
            for line in basket["items"]:
                which = self.ground.goods.index(line["product_id"])
                exact = self.prices[which] * lines[which][0] if self.sold[which] else 0
                assert line["line_total"]["amount"] == (exact + 500) // 1000
            assert basket["subtotal"]["amount"] == sum(line["line_total"]["amount"] for line in basket["items"])
            parts = [basket[name]["amount"] for name in ("subtotal", "discount_total", "fee_total", "total")]
            assert parts[3] == parts[0] - parts[1] + parts[2]


def text(thousandths: int) -> str:
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"


@settings(max_examples=25, deadline=None)
@given(some.tuples(*[some.integers(0, 9)] * 2), some.lists(steps, min_size=2, max_size=14), some.sampled_from(POLICIES))
def test_totals_are_the_sums_of_rounded_lines_whatever_the_steps(
    ground: Ground, prices: tuple[int, int], taken: list[Any], policy: str
) -> None:
    walk = Walk(ground)
    walk.clear("user")
    for which in range(2):
        walk.sell(which, True)
        walk.price(which, 5)
    # Both have a line of the same, which each saw at a price of its own.
    for owner, price in zip(("user", "guest"), prices, strict=True):
        walk.price(0, price)
        walk.add(owner, 0, 500)
    for name, *given_ in [*taken, ("merge", policy)]:
        getattr(walk, name)(*given_)
        walk.check()
