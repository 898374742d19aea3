"""Any sequence of checkouts, cancellations, steps, payments, refunds and movements: each answer is the one that a model
of the shop gives, and so are the books after each."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.faults.orders.balances import assert_adds_up
from tests.faults.orders.customers import checkout, customers
from tests.faults.orders.model import PRICES, Model, Order
from tests.functions.buyers import Buyer
from tests.functions.calls import Answer, call, unique
from tests.functions.events import Context

EXAMPLES, STEPS = 20, 25
WHO = st.sampled_from([0, 1])
GOODS = st.sampled_from(range(len(PRICES)))
PLACES = st.sampled_from([0, 1])
QUANTITIES = st.decimals("0.001", 3, places=3)


class Orders(RuleBasedStateMachine):
    """The shop beside its model."""

    orders: Bundle[Order] = Bundle("orders")

    def __init__(self, things: list[str], places: list[str], staff: str, sql: Any) -> None:
        super().__init__()
        self.things, self.places, self.staff, self.sql = things, places, staff, sql
        self.customers = customers(sql, 2)
        self.baskets: list[dict[str, Decimal]] = [{}, {}]
        self.model = Model(dict(zip(things, PRICES, strict=True)), self._stock())

    @rule(who=WHO, good=GOODS, quantity=QUANTITIES)
    def puts(self, who: int, good: int, quantity: Decimal) -> None:
        thing = self.things[good]
        body = {"quantity": str(quantity)}
        assert call("PATCH", f"/basket/items/{thing}", body, token=self.customers[who].token).status == 200
        self.baskets[who][thing] = quantity

    @rule(target=orders, who=WHO, method=st.sampled_from(["cash", "telegram"]))
    def buys(self, who: int, method: str) -> MultipleResults[Order] | Order:
        lines, total = self.baskets[who], self.model.total(self.baskets[who])
        wanted = checkout(self.customers[who], total, unique("key"), payment_method=method)
        answer = self._call(wanted["method"], wanted["path"], wanted["body"], wanted["token"], key=wanted["key"])
        places = self.model.places_with(lines)
        if not lines or not places:
            _is(answer, 409, "out_of_stock" if lines else "basket_empty")
            return multiple()
        _is(answer, 201)
        told = answer.body
        assert told["total"]["amount"] == total == sum(line["line_total"]["amount"] for line in told["items"])
        assert told["warehouse_id"] in places
        order = Order(told["id"], who, method, told["warehouse_id"], lines, total)
        self.model.place(order)
        self.baskets[who] = {}
        return order

    @rule(order=orders, who=st.sampled_from([0, 1, "staff"]))
    def cancels(self, order: Order, who: int | str) -> None:
        token = self.staff if isinstance(who, str) else self.customers[who].token
        answer = self._call("POST", f"/basket/orders/{order.id}/cancel", {}, token)
        if who not in (order.owner, "staff"):
            _is(answer, 404, "not_found")
        elif order.may_go("cancelled") and (who == "staff" or order.status in ("placed", "paid")):
            _is(answer, 200)
            self.model.go(order, "cancelled")
        else:
            _is(answer, 409, "illegal_transition")

    @rule(order=orders, status=st.sampled_from(["paid", "picking", "delivering", "delivered", "cancelled"]))
    def moves(self, order: Order, status: str) -> None:
        answer = self._call("PATCH", f"/basket/orders/{order.id}", {"status": status}, self.staff)
        if order.may_go(status):
            _is(answer, 200)
            self.model.go(order, status)
        else:
            _is(answer, 409, "illegal_transition")

    @rule(order=orders)
    def takes_cash(self, order: Order) -> None:
        answer = self._call("PATCH", f"/basket/orders/{order.id}", {"payment_status": "paid"}, self.staff)
        payable = order.method == "cash" and order.status != "cancelled" and order.payment_status == "unpaid"
        if payable or order.payment_status == "paid":
            _is(answer, 200)
            self.model.pay(order)
        else:
            _is(answer, 409, "illegal_transition")

    @rule(order=orders, amount=st.one_of(st.none(), st.integers(0, 20_000)))
    def gives_back(self, order: Order, amount: int | None) -> None:
        body: dict[str, Any] = {"reason": "test"}
        if amount is not None:
            body["amount"] = {"amount": amount, "currency": "RUB"}
        answer = self._call("POST", f"/basket/orders/{order.id}/refunds", body, self.staff)
        left = (order.paid or 0) - order.refunded
        given = left if amount is None else amount
        if amount == 0:
            _is(answer, 422, "invalid_body")
        elif order.payment_status != "paid":
            _is(answer, 409, "not_paid")
        elif not 0 < given <= left:
            _is(answer, 409, "refund_too_large")
        else:
            _is(answer, 201)
            order.refunded += given

    @rule(order=orders)
    def lets_time_go_by(self, order: Order) -> None:
        from basket.order_expiry import handler

        self.sql.execute("UPDATE basket.orders SET created_at = now() - interval '1 hour' WHERE id = %s", [order.id])
        handler({}, Context())
        if order.status == "placed" and order.method == "telegram" and order.paid is None:
            self.model.go(order, "cancelled")

    @rule(
        kind=st.sampled_from(["receive", "write_off", "adjust", "transfer"]), good=GOODS, place=PLACES,
        quantity=QUANTITIES, less=st.booleans(),
    )  # fmt: skip
    def books(self, kind: str, good: int, place: int, quantity: Decimal, less: bool) -> None:
        thing, here, there = self.things[good], self.places[place], self.places[1 - place]
        body = {"kind": kind, "product_id": thing, "warehouse_id": here, "reason": "test"}
        effects = {(thing, here): -quantity if kind in ("write_off", "transfer") else quantity}
        if kind == "adjust" and less:
            quantity = effects[thing, here] = -quantity
        if kind == "transfer":
            effects[thing, there] = quantity
            body["to_warehouse_id"] = there
        answer = self._call("POST", "/store/stock/movements", {**body, "quantity": str(quantity)}, self.staff)
        if self.model.move(effects):
            _is(answer, 201)
        else:
            _is(answer, 409, "insufficient_stock")

    @invariant()
    def the_stock_is_the_models(self) -> None:
        assert self._stock() == self.model.stock()

    def teardown(self) -> None:
        assert_adds_up(self.sql, self.things)
        for order in self.model.orders:
            answer = self._call("GET", f"/basket/orders/{order.id}", None, self.customers[order.owner].token)
            told = answer.body
            assert (told["status"], told["payment_status"]) == (order.status, order.payment_status)
            assert told["refunded_total"]["amount"] == order.refunded
            paid = self.sql.execute(
                "SELECT coalesce(sum(amount), 0) FROM basket.payments WHERE order_id = %s", [order.id]
            ).fetchone()[0]
            assert paid == (order.paid or 0)

    def _stock(self) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
        rows = self.sql.execute(
            "SELECT product_id, warehouse_id, on_hand, reserved FROM store.stock WHERE product_id = ANY(%s)",
            [[UUID(thing) for thing in self.things]],
        )
        return {(str(thing), str(place)): (on_hand, reserved) for thing, place, on_hand, reserved in rows}

    def _call(self, method: str, path: str, body: Any, token: str, *, key: str | None = None) -> Answer:
        return call(method, path, body, token=token, headers={"Idempotency-Key": key} if key else {})


def _is(answer: Answer, status: int, code: str | None = None) -> None:
    assert (answer.status, answer.body.get("code")) == (status, code), answer


def test_the_books_balance_after_any_sequence(goods: Any, warehouse: Any, staff: str, sql: Any) -> None:
    places = [warehouse(), warehouse()]
    things = [
        goods(dict.fromkeys(places, 5), quantity_step="0.001", price={"amount": price, "currency": "RUB"})
        for price in PRICES
    ]
    Buyer(dict.fromkeys(things, 1))
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    run_state_machine_as_test(  # any callable that gives a machine will do
        lambda: Orders(things, places, staff, sql),  # type: ignore[arg-type]
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, database=None, suppress_health_check=checks
        ),
    )
