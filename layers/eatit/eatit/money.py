"""Money in integer minor units and quantities with three places: the arithmetic that two groups share."""

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TypedDict

# The most that a price, or the sum that a customer agrees to, may be.
MAX_AMOUNT = 10**12
THOUSANDTH = Decimal("0.001")
# Wider than any price, quantity and factor together: the usual 28 digits would overflow on what the API accepts.
EXACT = Context(prec=80, rounding=ROUND_HALF_UP)


class Money(TypedDict):
    """An amount in minor units (kopecks) and its ISO 4217 currency."""

    amount: int
    currency: str


def round_half_up(value: Decimal) -> int:
    """To whole minor units; a half goes up, as on a shop's receipt."""
    return int(value.quantize(Decimal(1), context=EXACT))


def line_total(price: int, quantity: Decimal) -> int:
    """What a line costs: `price` minor units times `quantity`, rounded once."""
    return round_half_up(price * quantity)


def quantity_text(quantity: Decimal) -> str:
    """A quantity as the API writes it: exactly three places, `"1.250"`."""
    return format(quantity.quantize(THOUSANDTH), "f")


def decimal_text(value: Decimal) -> str:
    """An exact decimal without trailing zeros or exponent: factors, pack sizes, nutrition."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
