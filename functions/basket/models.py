"""The shapes of /basket: what is sent and what is answered."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from eatit.http.shapes import Answer, Body, Id, MoneyAnswer, PositiveQuantity, Quantity, QuantityText

WarningCode = Literal["price_rose", "price_fell", "quantity_not_sold", "low_stock", "out_of_stock", "product_gone"]


class ItemAdd(Body):
    """How much of a product to add."""

    product_id: Id
    quantity: PositiveQuantity


class ItemSet(Body):
    """What the line's quantity becomes; zero removes the line."""

    quantity: Quantity


class BasketMerge(Body):
    """The secret of a guest's basket; `policy` is for lines that are in both."""

    basket_token: Annotated[str, Field(min_length=1, max_length=500)]
    policy: Literal["sum", "replace", "keep"] = "sum"


class ItemAnswer(Answer):
    """A line: `price` is the present one, `price_seen` the one when it was put in."""

    product_id: UUID
    sku: str | None
    name: str
    photo_url: str | None
    unit: str | None
    quantity: QuantityText
    price_seen: MoneyAnswer
    price: MoneyAnswer
    line_total: MoneyAnswer
    available: QuantityText
    warnings: list[WarningCode]


class WarningAnswer(Answer):
    """Something the owner should know; it never stops a read or a change."""

    code: WarningCode
    product_id: UUID


class BasketAnswer(Answer):
    """A basket; `id` is null until something was put in. `total` is what checkout charges."""

    id: UUID | None
    version: int
    items: list[ItemAnswer]
    subtotal: MoneyAnswer
    discount_total: MoneyAnswer
    fee_total: MoneyAnswer
    total: MoneyAnswer
    currency: str
    minimum_order: Annotated[MoneyAnswer | None, Field(description="The least subtotal, less discounts, of an order.")]
    fee_free_from: Annotated[MoneyAnswer | None, Field(description="From which such sum on delivery costs nothing.")]
    warnings: list[WarningAnswer]
    updated_at: datetime | None


class MergedLineAnswer(Answer):
    """What a merge did to a line of the user's basket; `from` is zero where it wasn't there."""

    product_id: UUID
    from_: Annotated[QuantityText, Field(alias="from")]
    to: QuantityText
    code: Literal["added", "summed", "replaced", "capped", "basket_full"]


class MergedBasketAnswer(BasketAnswer):
    """The user's basket, and what of it was changed by the merge."""

    merged: list[MergedLineAnswer]


class SkippedLineAnswer(Answer):
    """A line of an order that couldn't be added to the basket."""

    product_id: UUID
    code: Literal["product_gone", "above_maximum", "below_minimum", "not_a_multiple", "basket_full"]


class AdjustedLineAnswer(Answer):
    """A line of an order of which less was added (`to`) than was ordered (`from`)."""

    product_id: UUID
    from_: Annotated[QuantityText, Field(alias="from")]
    to: QuantityText
    code: Literal["above_maximum", "not_a_multiple"]


class ReorderedBasketAnswer(BasketAnswer):
    """The user's basket, and what of the order isn't in it, or not whole."""

    skipped: list[SkippedLineAnswer]
    adjusted: list[AdjustedLineAnswer]
