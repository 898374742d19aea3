"""What a basket costs at present prices, and what its owner is warned of."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some

from basket.baskets import NO_BASKET, Basket, Owner, token_digest
from basket.pricing import priced


def line(**given: Any) -> Any:
    return SimpleNamespace(
        **{
            "product_id": uuid4(),
            "quantity": Decimal("1.500"),
            "price_seen": 1000,
            "sku": "cheese",
            "name": "Сыр",
            "translations": {"en": {"name": "Cheese"}},
            "photo_url": None,
            "unit": "kg",
            "price_amount": 1000,
            "currency": "RUB",
            "status": "active",
            "available": Decimal(5),
            "in_steps": True,
            **given,
        }
    )


def answer(*lines: Any, language: str = "ru") -> Any:
    return priced(Basket(uuid4(), 1, None, lines), language)


def test_an_empty_basket_costs_nothing() -> None:
    empty = priced(NO_BASKET, "ru")
    assert (empty["id"], empty["version"], empty["items"], empty["warnings"]) == (None, 0, [], [])
    assert empty["total"] == empty["subtotal"] == {"amount": 0, "currency": "RUB"}


def test_each_line_is_rounded_before_they_are_summed() -> None:
    basket = answer(*(line(price_amount=333, price_seen=333, quantity=Decimal("0.5")) for _ in range(3)))
    assert [item["line_total"]["amount"] for item in basket["items"]] == [167] * 3
    assert basket["subtotal"]["amount"] == basket["total"]["amount"] == 501
    assert basket["discount_total"]["amount"] == basket["fee_total"]["amount"] == 0


lines = some.lists(
    some.builds(
        lambda price, seen, thousandths, status: line(
            price_amount=price, price_seen=seen, quantity=Decimal(thousandths) / 1000, status=status
        ),
        some.integers(0, 99) | some.integers(0, 10**12),
        some.integers(0, 10**12),
        # Halves make the sums that are rounded from the middle.
        some.integers(1, 20).map(lambda halves: halves * 500) | some.integers(1, 999_999_999_999),
        some.sampled_from(["active", "active", "archived"]),
    ),
    max_size=200,
)


@given(lines)
def test_totals_are_sums_of_lines_each_rounded_once(lines: list[Any]) -> None:
    basket = answer(*lines)
    # In whole thousandths, half up: a reckoning of its own.
    costs = [(each.price_amount * int(each.quantity * 1000) + 500) // 1000 for each in lines]
    sold = [cost if each.status == "active" else 0 for each, cost in zip(lines, costs, strict=True)]
    assert [item["line_total"]["amount"] for item in basket["items"]] == sold
    assert basket["subtotal"]["amount"] == sum(sold)
    total = sum(sold) - basket["discount_total"]["amount"] + basket["fee_total"]["amount"]
    assert basket["total"]["amount"] == total


@given(lines)
def test_the_order_of_lines_changes_no_total(lines: list[Any]) -> None:
    assert answer(*reversed(lines))["total"] == answer(*lines)["total"]


@pytest.mark.parametrize(
    ("given", "warnings"),
    [
        ({}, []),
        ({"price_amount": 1001}, ["price_rose"]),
        ({"price_amount": 999}, ["price_fell"]),
        ({"available": Decimal("1.499")}, ["low_stock"]),
        ({"available": Decimal("1.500")}, []),
        ({"available": Decimal(0)}, ["out_of_stock"]),
        ({"available": None}, ["out_of_stock"]),
        ({"price_amount": 2000, "available": Decimal(1)}, ["price_rose", "low_stock"]),
        ({"status": "archived", "price_amount": 2000}, ["product_gone"]),
        ({"status": "draft"}, ["product_gone"]),
        ({"in_steps": False, "available": Decimal(1)}, ["quantity_not_sold", "low_stock"]),
        ({"in_steps": False, "status": "archived"}, ["product_gone"]),
    ],
)
def test_what_the_owner_is_warned_of(given: dict[str, Any], warnings: list[str]) -> None:
    only = line(**given)
    basket = answer(only)
    assert basket["items"][0]["warnings"] == warnings
    assert basket["warnings"] == [{"code": code, "product_id": only.product_id} for code in warnings]


def test_the_present_price_is_charged_whatever_was_seen() -> None:
    item = answer(line(price_amount=1200))["items"][0]
    assert (item["price_seen"]["amount"], item["price"]["amount"], item["line_total"]["amount"]) == (1000, 1200, 1800)


def test_what_is_gone_costs_nothing_and_is_still_shown() -> None:
    gone = line(status="archived")
    basket = answer(gone, line())
    assert basket["items"][0]["line_total"]["amount"] == 0
    assert basket["items"][0]["available"] == "0.000"
    assert basket["total"]["amount"] == 1500


def test_a_line_whose_copy_is_missing_doesnt_break_the_basket() -> None:
    unknown = dict.fromkeys(("sku", "name", "translations", "unit", "price_amount", "currency", "status"))
    item = answer(line(**unknown, available=None))["items"][0]
    assert (item["sku"], item["name"], item["warnings"]) == (None, "", ["product_gone"])
    assert item["price"]["amount"] == item["price_seen"]["amount"] == 1000


def test_names_follow_the_language() -> None:
    assert answer(line(), language="en")["items"][0]["name"] == "Cheese"
    assert answer(line(), language="ru")["items"][0]["name"] == "Сыр"
    assert answer(line(translations={}), language="en")["items"][0]["name"] == "Сыр"


def test_whose_basket_it_is() -> None:
    user, token = uuid4(), "secret"
    assert Owner(user_id=user, token=token).kind == "user"
    assert Owner(user_id=user).scope == str(user)
    guest = Owner(token=token)
    assert (guest.kind, guest.parameters) == ("guest", {"digest": token_digest(token)})
    assert token not in str(guest.scope)
    assert (Owner().kind, Owner().parameters, Owner().scope) == ("nobody", {}, None)
    assert len(token_digest("\udcff")) == 32
