"""Customers by the hundred, signed in, and what is in their baskets laid there by the database's owner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from eatit.identifiers import uuid7
from tests.functions.buyers import DELIVERY
from tests.functions.calls import unique
from tests.secrets_seen import note


@dataclass(frozen=True)
class Customer:
    """Somebody with an access token and a basket, which hold for a quarter of an hour."""

    id: UUID
    token: str
    basket: UUID


def customers(sql: Any, count: int) -> list[Customer]:
    """So many new ones, without a password."""
    from auth.keys import access_token

    made = []
    for _ in range(count):
        user, basket = uuid7(), uuid7()
        sql.execute(
            "INSERT INTO auth.users (id, email, language) VALUES (%s, %s, 'ru')", [user, f"{unique()}@example.org"]
        )
        sql.execute("INSERT INTO basket.baskets (id, user_id) VALUES (%s, %s)", [basket, user])
        token = access_token(user, "customer", uuid7())
        note("an access token", token)
        made.append(Customer(user, token, basket))
    return made


def lay(sql: Any, who: Sequence[Customer], lines: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """These lines and no others into each basket, in the order given: product and quantity; or each their own."""
    each = [lines] * len(who) if isinstance(lines, Mapping) else lines
    rows = [
        (customer.basket, thing, quantity)
        for customer, wanted in zip(who, each, strict=True)
        for thing, quantity in wanted.items()
    ]
    with sql.transaction(), sql.cursor() as cursor:
        cursor.execute("DELETE FROM basket.lines WHERE basket_id = ANY(%s)", [[customer.basket for customer in who]])
        cursor.executemany(
            "INSERT INTO basket.lines (basket_id, product_id, quantity, price_seen)"
            " SELECT %s, p.id, %s, p.price_amount FROM basket.products p WHERE p.id = %s",
            [(basket, quantity, thing) for basket, thing, quantity in rows],
        )
    found = sql.execute(
        "SELECT count(*) FROM basket.lines WHERE basket_id = ANY(%s)", [[customer.basket for customer in who]]
    )
    assert found.fetchone()[0] == len(rows), "the basket has no copy of a product"


def checkout(customer: Customer, total: int, key: str, **given: Any) -> dict[str, Any]:
    """The call that makes an order of the customer's basket, which costs `total` minor units."""
    body = {
        "expected_total": {"amount": total, "currency": "RUB"},
        "delivery": DELIVERY,
        "payment_method": "cash",
        **given,
    }
    return {"method": "POST", "path": "/basket/checkout", "body": body, "token": customer.token, "key": key}
