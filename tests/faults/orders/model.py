"""What a shop of a few goods must come to, whatever is done to it: orders, money and stock, in plain Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

PRICES = (12990, 333, 7)
NEXT = {
    "placed": {"paid", "cancelled"},
    "paid": {"picking", "cancelled"},
    "picking": {"delivering", "cancelled"},
    "delivering": {"delivered", "cancelled"},
    "delivered": set[str](),
    "cancelled": set[str](),
}
Lines = dict[str, Decimal]


@dataclass
class Order:
    """An order: `paid`, which may be nothing, and `refunded` in minor units."""

    id: str
    owner: int
    method: str
    place: str
    lines: Lines
    total: int
    status: str = "placed"
    paid: int | None = None
    refunded: int = 0

    @property
    def payment_status(self) -> str:
        """As the API tells it."""
        if self.paid is None:
            return "unpaid"
        return "refunded" if self.refunded and self.refunded == self.paid else "paid"

    def may_go(self, status: str) -> bool:
        """Whether staff may take it there."""
        early = self.status == "placed" and self.method == "cash" and status == "picking"
        return early or status in NEXT[self.status]


class Model:
    """Goods by id and their prices; what lies where, what of it is reserved; and the orders."""

    def __init__(self, prices: Mapping[str, int], stock: Mapping[tuple[str, str], tuple[Decimal, Decimal]]) -> None:
        self.prices = dict(prices)
        self.on_hand = {where: on_hand for where, (on_hand, _) in stock.items()}
        self.reserved = {where: reserved for where, (_, reserved) in stock.items()}
        self.orders: list[Order] = []

    def total(self, lines: Lines) -> int:
        """The sum of the lines, each rounded half up by itself."""
        rounded = [
            (self.prices[thing] * quantity).quantize(Decimal(1), rounding=ROUND_HALF_UP)
            for thing, quantity in lines.items()
        ]
        return int(sum(rounded))

    def places_with(self, lines: Lines) -> set[str]:
        """The warehouses that have all of it."""
        return {
            place
            for place in {place for _, place in self.on_hand}
            if all(self.on_hand[t, place] - self.reserved[t, place] >= quantity for t, quantity in lines.items())
        }

    def place(self, order: Order) -> None:
        """A new order holds its stock."""
        self.orders.append(order)
        for thing, quantity in order.lines.items():
            self.reserved[thing, order.place] += quantity

    def go(self, order: Order, status: str) -> None:
        """Take an order to a state that it may go to."""
        order.status = status
        if status in ("paid", "delivered"):
            self.pay(order)
        if status in ("cancelled", "delivered"):
            for thing, quantity in order.lines.items():
                self.reserved[thing, order.place] -= quantity
                if status == "delivered":
                    self.on_hand[thing, order.place] -= quantity

    def pay(self, order: Order) -> None:
        """Its whole total, once."""
        if order.paid is None:
            order.paid = order.total

    def move(self, effects: Mapping[tuple[str, str], Decimal]) -> bool:
        """Change what lies there; false where that would be less than is reserved."""
        if any(self.on_hand[where] + by < self.reserved[where] for where, by in effects.items()):
            return False
        for where, by in effects.items():
            self.on_hand[where] += by
        return True

    def stock(self) -> dict[tuple[str, str], tuple[Any, Any]]:
        """What the shop's own table should say."""
        return {where: (self.on_hand[where], self.reserved[where]) for where in self.on_hand}
