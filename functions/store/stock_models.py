"""The shapes of warehouses and stock: what is sent and what is answered."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eatit.http.shapes import (
    MAX_QUANTITY,
    Answer,
    Body,
    Change,
    Exact,
    Id,
    Latitude,
    Longitude,
    QuantityText,
    Text100,
    Text300,
    both_or_neither,
)
from store.models import STAFF_ONLY, Code, Entity, Language

MovementKind = Literal["receive", "write_off", "adjust", "transfer"]


class WarehouseTranslation(Body):
    """A warehouse's words in one more language."""

    name: Text100 | None = None
    address: Text300 | None = None


class WarehouseCreate(Body):
    """A warehouse; its coordinates, in degrees, are known both or not at all."""

    code: Code
    name: Text100
    address: Text300
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    active: bool = True
    translations: dict[Language, WarehouseTranslation] = {}

    @model_validator(mode="after")
    def _is_a_place(self) -> "WarehouseCreate":
        both_or_neither(self)
        return self


class WarehouseChange(Change):
    """What may change of a warehouse. From one that isn't active nothing can be had."""

    code: Code = ""
    name: Text100 = ""
    address: Text300 = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    active: bool = True
    translations: dict[Language, WarehouseTranslation] = {}

    @model_validator(mode="after")
    def _is_a_place(self) -> "WarehouseChange":
        both_or_neither(self)
        return self


class _SignedExact(Exact):
    """An exact decimal of either sign."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        unsigned = super().__get_pydantic_json_schema__(schema, handler)
        text, number = unsigned["anyOf"]
        signed = [{**text, "pattern": text["pattern"].replace("^", "^-?")}, {**number, "minimum": -self.maximum}]
        return {**unsigned, "anyOf": signed}

    def read(self, value: Any) -> Decimal:
        if isinstance(value, str) and value.startswith("-"):
            return -super().read(value[1:])
        if isinstance(value, int | Decimal) and not isinstance(value, bool) and value < 0:
            return -super().read(-value)
        return super().read(value)


class MovementCreate(Body):
    """A movement of goods. `quantity` is positive, for `adjust` signed; `to_warehouse_id` is for `transfer` alone."""

    kind: MovementKind
    product_id: Id
    warehouse_id: Id
    to_warehouse_id: Annotated[Id | None, Field(validate_default=True)] = None
    quantity: Annotated[Decimal, _SignedExact(places=3, maximum=MAX_QUANTITY)]
    reason: Text300

    @field_validator("quantity")
    @classmethod
    def _fits_its_kind(cls, quantity: Decimal, told: ValidationInfo) -> Decimal:
        kind = told.data.get("kind")
        if kind == "adjust" and not quantity:
            raise PydanticCustomError("eatit.out_of_range", "quantity", {"expected": "≠ 0"})
        if kind not in (None, "adjust") and quantity <= 0:
            raise PydanticCustomError("eatit.out_of_range", "quantity", {"expected": f"> 0, ≤ {MAX_QUANTITY}"})
        return quantity

    @field_validator("to_warehouse_id")
    @classmethod
    def _is_another_place(cls, place: UUID | None, told: ValidationInfo) -> UUID | None:
        kind = told.data.get("kind")
        if kind == "transfer" and place is None:
            raise PydanticCustomError("eatit.missing", "place", {})
        if place is not None and kind not in (None, "transfer"):
            raise PydanticCustomError("eatit.contradiction", "place", {"other": "kind"})
        if place is not None and place == told.data.get("warehouse_id"):
            raise PydanticCustomError("eatit.contradiction", "place", {"other": "warehouse_id"})
        return place


class WarehouseAnswer(Entity):
    """A warehouse; `distance_km` where a place was asked for, along a great circle."""

    code: str
    name: str
    address: str
    latitude: float | None
    longitude: float | None
    active: bool
    distance_km: Annotated[float | None, Field(default=None)]
    translations: dict[Language, dict[str, str | None]] = STAFF_ONLY


class WarehouseList(Answer):
    """A page of warehouses."""

    items: list[WarehouseAnswer]
    next_cursor: str | None


class MovementAnswer(Answer):
    """A row of the ledger; `kind` may be `sale` or `return` too, then `order_id` says of which order."""

    id: UUID
    at: datetime
    kind: Literal["receive", "write_off", "adjust", "transfer", "sale", "return"]
    product_id: UUID
    warehouse_id: UUID
    to_warehouse_id: UUID | None
    quantity: QuantityText
    reason: str
    actor_id: UUID | None
    order_id: UUID | None


class MovementList(Answer):
    """A page of the ledger, the newest first."""

    items: list[MovementAnswer]
    next_cursor: str | None


class BalanceAnswer(Answer):
    """What of a product is in a warehouse; staff see all of it, customers what is available."""

    warehouse_id: UUID
    code: str
    name: str
    available: QuantityText
    on_hand: Annotated[QuantityText | None, Field(default=None)]
    reserved: Annotated[QuantityText | None, Field(default=None)]
    active: Annotated[bool | None, Field(default=None)]


class ProductStock(Answer):
    """A product's balances, by warehouse."""

    items: list[BalanceAnswer]
    next_cursor: None


class StockEntry(Answer):
    """A balance in the list of all stock."""

    product_id: UUID
    sku: str
    name: str
    warehouse_id: UUID
    on_hand: QuantityText
    reserved: QuantityText
    available: QuantityText
    low_stock_at: QuantityText | None


class StockList(Answer):
    """A page of balances."""

    items: list[StockEntry]
    next_cursor: str | None
