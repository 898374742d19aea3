"""The shapes of checkout and orders: what is sent and what is answered."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from eatit.http.shapes import (
    Answer,
    Body,
    Change,
    Id,
    Latitude,
    Longitude,
    MoneyAnswer,
    MoneyBody,
    PositiveMoneyBody,
    QuantityText,
    Text100,
    Text300,
    Text1000,
    both_or_neither,
)

OrderStatus = Literal["placed", "paid", "picking", "delivering", "delivered", "cancelled"]
PaymentMethod = Literal["cash", "telegram"]
PaymentStatus = Literal["unpaid", "paid", "refunded"]


class Delivery(Body):
    """Who gets the order, and where; its coordinates, in degrees, are known both or not at all."""

    name: Text100
    phone: Text100
    address: Text300
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    comment: Text1000 | None = None

    @model_validator(mode="after")
    def _is_a_place(self) -> "Delivery":
        both_or_neither(self)
        return self


class Checkout(Body):
    """What the customer agrees to: `expected_total` is the basket's `total` as they saw it."""

    expected_total: MoneyBody
    warehouse_id: Id | None = None
    delivery: Delivery
    payment_method: PaymentMethod


class OrderChange(Change):
    """What staff may change of an order. `payment_status`: cash was taken. `reason` is kept with the status, and
    doesn't go without one."""

    status: OrderStatus = "placed"
    payment_status: Literal["paid"] = "paid"
    reason: Text300 | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = super().__get_pydantic_json_schema__(core, handler)
        handler.resolve_ref_schema(schema)["dependentRequired"] = {"reason": ["status"]}
        return schema


class OrderCancel(Body):
    """Why an order is cancelled."""

    reason: Text300 | None = None


class RefundCreate(Body):
    """What is given back; without `amount` all that was paid and not given back yet."""

    amount: PositiveMoneyBody | None = None
    reason: Text300


class OrderItem(Answer):
    """A line as it was sold, its name in the language of the checkout."""

    product_id: UUID
    sku: str
    name: str
    photo_url: str | None
    unit: str
    quantity: QuantityText
    price: MoneyAnswer
    line_total: MoneyAnswer


class OrderStep(Answer):
    """A state that the order came to: `by` is a user's id, null where the system did it."""

    status: OrderStatus
    at: datetime
    by: UUID | None
    by_role: Literal["customer", "staff", "admin", "system"]
    reason: str | None


class DeliveryAnswer(Answer):
    """Who gets the order, and where."""

    name: str
    phone: str
    address: str
    latitude: float | None
    longitude: float | None
    comment: str | None


class OrderAnswer(Answer):
    """An order: its lines and sums as they were sold, and what became of it."""

    id: UUID
    number: Annotated[str, Field(examples=["7K3M-Q9TX"])]
    user_id: UUID
    status: OrderStatus
    items: list[OrderItem]
    subtotal: MoneyAnswer
    discount_total: MoneyAnswer
    fee_total: MoneyAnswer
    total: MoneyAnswer
    refunded_total: MoneyAnswer
    currency: str
    language: str
    delivery: DeliveryAnswer
    payment_method: PaymentMethod
    payment_status: PaymentStatus
    warehouse_id: UUID
    history: list[OrderStep]
    version: int
    created_at: datetime
    updated_at: datetime


class OrderList(Answer):
    """A page of orders, the newest first."""

    items: list[OrderAnswer]
    next_cursor: str | None


class PaymentAnswer(Answer):
    """Something that was paid for an order, or is to be."""

    id: UUID
    order_id: UUID
    provider: PaymentMethod
    status: Literal["pending", "paid", "failed", "refunded"]
    amount: MoneyAnswer
    invoice_url: str | None
    created_at: datetime


class PaymentList(Answer):
    """All of an order's payments, the oldest first."""

    items: list[PaymentAnswer]
    next_cursor: None


class RefundAnswer(Answer):
    """Something that was given back; `by` is the id of whoever did it."""

    id: UUID
    order_id: UUID
    payment_id: UUID
    amount: MoneyAnswer
    reason: str
    by: UUID | None
    created_at: datetime


class RefundList(Answer):
    """All that was given back of an order, the oldest first."""

    items: list[RefundAnswer]
    next_cursor: None
