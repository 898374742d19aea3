"""Customers who buy, in this process: a basket, checkout, orders, and what becomes of the stock."""

from typing import Any

from tests.functions.calls import Answer, call, good, unique

PASSWORD = "correct horse battery 42"
WAY = ["placed", "paid", "picking", "delivering", "delivered"]
DELIVERY = {"name": "Анна", "phone": "+7 900 000-00-00", "address": "улица Вторая, 2"}


class Buyer:
    """A new customer with these products in the basket."""

    def __init__(self, wanted: dict[str, Any] | None = None) -> None:
        body = {"email": f"{unique('buyer')}@example.org", "password": PASSWORD}
        session = good(call("POST", "/auth/register", body), 201)
        self.id: str = session["user"]["id"]
        self.token: str = session["access_token"]
        self.put(wanted or {})

    def put(self, wanted: dict[str, Any]) -> None:
        for thing, quantity in wanted.items():
            good(call("POST", "/basket/items", {"product_id": thing, "quantity": str(quantity)}, token=self.token))

    def basket(self) -> Any:
        return good(call("GET", "/basket", token=self.token))

    def try_checkout(
        self, *, key: str | None = None, total: int | None = None, headers: dict[str, str] | None = None, **given: Any
    ) -> Answer:
        """Checkout with the basket's total, unless another is given."""
        amount = self.basket()["total"]["amount"] if total is None else total
        body = {
            "expected_total": {"amount": amount, "currency": "RUB"},
            "delivery": DELIVERY,
            "payment_method": "cash",
            **given,
        }
        sent = {"Idempotency-Key": key or unique("key"), **(headers or {})}
        return call("POST", "/basket/checkout", body, token=self.token, headers=sent)

    def checkout(self, **given: Any) -> Any:
        """The order."""
        return good(self.try_checkout(**given), 201)

    def order(self, order: Any) -> Any:
        return good(call("GET", f"/basket/orders/{order['id']}", token=self.token))


class Sold:
    """An order of two of something, of which there were ten."""

    def __init__(self, buyer: Buyer, thing: str, order: Any, staff: str, sql: Any) -> None:
        self.buyer, self.thing, self.order, self.staff, self.sql = buyer, thing, order, staff, sql
        self.path = f"/basket/orders/{order['id']}"

    def move(self, **given: Any) -> Any:
        """Staff change it."""
        return call("PATCH", self.path, given, token=self.staff)

    def bring_to(self, status: str) -> None:
        """Staff take it there, along its way."""
        way = WAY[1 : WAY.index(status) + 1] if status in WAY else [status]
        for each in way:
            good(self.move(status=each))

    def now(self) -> Any:
        return self.buyer.order(self.order)

    def stock(self) -> tuple[Any, Any]:
        """What of the thing lies there, and what of it is reserved."""
        row = self.sql.execute(
            "SELECT on_hand, reserved FROM store.stock WHERE product_id = %s", [self.thing]
        ).fetchone()
        return int(row[0]), int(row[1])

    def told(self) -> list[str]:
        """What events said of the order, the first first."""
        rows = self.sql.execute(
            "SELECT type FROM events.outbox WHERE aggregate_id = %s ORDER BY version", [self.order["id"]]
        )
        return [row[0].removeprefix("basket.order.") for row in rows.fetchall()]


def stock_of(sql: Any, thing: str) -> tuple[Any, Any]:
    """What of a thing lies there, and what of it is reserved, in all warehouses together."""
    row = sql.execute("SELECT sum(on_hand), sum(reserved) FROM store.stock WHERE product_id = %s", [thing]).fetchone()
    assert row is not None
    return row[0], row[1]
