"""Customers who buy, in this process: a basket, checkout, orders."""

from typing import Any

from tests.functions.calls import Answer, call, good, unique

PASSWORD = "correct horse battery 42"
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
