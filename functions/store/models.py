"""The shapes of /store: what is sent and what is answered."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eatit.http.shapes import (
    Answer,
    Body,
    Change,
    DecimalText,
    Exact,
    Id,
    MoneyAnswer,
    MoneyBody,
    PositiveQuantity,
    Quantity,
    QuantityText,
    Text100,
    Text200,
    Text300,
    Text1000,
    Text5000,
)
from store.photo_models import PhotoAnswer

Dimension = Literal["mass", "volume", "count"]
SoldBy = Literal["piece", "weight", "volume"]
Language = Literal["ru", "en"]
Status = Literal["draft", "active", "archived"]
Allergen = Literal[
    "celery", "crustaceans", "eggs", "fish", "gluten", "lupin", "milk", "molluscs", "mustard", "nuts", "peanuts",
    "sesame", "soybeans", "sulphites",
]  # fmt: skip
Position = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")]
CefactCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,3}$", examples=["KGM"])]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
Sku = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,63}$")]
Factor = Annotated[Decimal, Exact(places=9, maximum=10**9, above=True)]
PackSize = Annotated[Decimal, Exact(places=6, maximum=10**6, above=True)]
Grams = Annotated[Decimal, Exact(places=3, maximum=100)]
Kilocalories = Annotated[Decimal, Exact(places=3, maximum=900)]


def _gtin(value: Any) -> Any:
    """GTIN-8, -12, -13 or -14 with its check digit (GS1 General Specifications, section 7.9)."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", value):
        raise PydanticCustomError(
            "eatit.wrong_form", "gtin", {"expected": ("8, 12, 13 or 14 digits", "8, 12, 13 или 14 цифр")}
        )
    digits = [int(digit) for digit in reversed(value)]
    if (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10:
        raise PydanticCustomError("eatit.wrong_check_digit", "gtin", {})
    return value


Gtin = Annotated[
    str,
    BeforeValidator(_gtin),
    Field(json_schema_extra={"pattern": "^([0-9]{8}|[0-9]{12,14})$"}, examples=["4600000000015"]),
]


class NameTranslation(Body):
    """A name in one more language."""

    name: Text300


class UnitCreate(Body):
    """A unit of measure; `factor` says how many base units (g, ml, piece) it is."""

    code: Code
    name: Text100
    dimension: Dimension
    factor: Factor
    cefact_code: CefactCode | None = None
    translations: dict[Language, NameTranslation] = {}


class UnitChange(Change):
    """What may change of a unit; dimension and factor only while no product uses it."""

    code: Code = ""
    name: Text100 = ""
    dimension: Dimension = "mass"
    factor: Factor = Decimal(1)
    cefact_code: CefactCode | None = None
    translations: dict[Language, NameTranslation] = {}


class CategoryCreate(Body):
    """A category; without `parent_id` it stands at the top."""

    name: Text200
    slug: Slug
    parent_id: Id | None = None
    position: Position = 0
    translations: dict[Language, NameTranslation] = {}


class CategoryChange(Change):
    """What may change of a category."""

    name: Text200 = ""
    slug: Slug = ""
    parent_id: Id | None = None
    position: Position = 0
    translations: dict[Language, NameTranslation] = {}


class Nutrition(Body):
    """Per 100 g or 100 ml: energy in kcal, the rest in grams."""

    energy_kcal: Kilocalories | None = None
    protein_g: Grams | None = None
    fat_g: Grams | None = None
    saturated_fat_g: Grams | None = None
    carbohydrate_g: Grams | None = None
    sugar_g: Grams | None = None
    fiber_g: Grams | None = None
    salt_g: Grams | None = None

    @field_validator("saturated_fat_g", "sugar_g")
    @classmethod
    def _is_part_of_its_whole(cls, part: Decimal | None, told: ValidationInfo) -> Decimal | None:
        name = "fat_g" if told.field_name == "saturated_fat_g" else "carbohydrate_g"
        whole = told.data.get(name)
        if part is not None and whole is not None and part > whole:
            raise PydanticCustomError("eatit.contradiction", "part", {"other": name})
        return part

    @model_validator(mode="after")
    def _fits_into_100_g(self) -> "Nutrition":
        # Where a whole isn't known, it is at least what is known of it.
        fat = self.saturated_fat_g if self.fat_g is None else self.fat_g
        carbohydrate = self.sugar_g if self.carbohydrate_g is None else self.carbohydrate_g
        zero = Decimal(0)
        if sum((part or zero for part in (self.protein_g, fat, carbohydrate, self.fiber_g, self.salt_g)), zero) > 100:
            raise PydanticCustomError("eatit.out_of_range", "sum", {"expected": ("≤ 100 g in all", "≤ 100 г в сумме")})
        return self


class ProductTranslation(Body):
    """A product's words in one more language."""

    name: Text300 | None = None
    description: Text5000 | None = None
    composition: Text5000 | None = None
    storage_conditions: Text1000 | None = None


class ProductCreate(Body):
    """A product. `price` is for one `unit`, or for one pack when sold by the piece; then `unit_id` and `pack_size`
    say what the pack holds."""

    sku: Sku
    barcode: Gtin | None = None
    name: Text300
    description: Text5000 | None = None
    composition: Text5000 | None = None
    storage_conditions: Text1000 | None = None
    translations: dict[Language, ProductTranslation] = {}
    category_id: Id
    unit_id: Id
    pack_size: PackSize = Decimal(1)
    quantity_step: PositiveQuantity = Decimal(1)
    min_quantity: PositiveQuantity | None = None
    max_quantity: PositiveQuantity | None = None
    low_stock_at: Quantity | None = None
    price: MoneyBody
    sold_by: SoldBy
    nutrition: Nutrition | None = None
    allergens: Annotated[list[Allergen], Field(max_length=14)] = []
    status: Status = "active"


class ProductChange(Change):
    """What may change of a product; what isn't given stays."""

    sku: Sku = ""
    barcode: Gtin | None = None
    name: Text300 = ""
    description: Text5000 | None = None
    composition: Text5000 | None = None
    storage_conditions: Text1000 | None = None
    translations: dict[Language, ProductTranslation] = Field(default_factory=dict)
    category_id: Id = UUID(int=0)
    unit_id: Id = UUID(int=0)
    pack_size: PackSize = Decimal(1)
    quantity_step: PositiveQuantity = Decimal(1)
    min_quantity: PositiveQuantity = Decimal(1)
    max_quantity: PositiveQuantity | None = None
    low_stock_at: Quantity | None = None
    price: MoneyBody = MoneyBody.model_construct(amount=0, currency="RUB")
    sold_by: SoldBy = "piece"
    nutrition: Nutrition | None = None
    allergens: Annotated[list[Allergen], Field(default_factory=list, max_length=14)]
    status: Status = "active"


STAFF_ONLY: Any = Field(default_factory=dict, description="By language; staff alone see it.")
LOW_STOCK: Any = Field(default=None, description="At or below it stock is told to be low; staff alone see it.")


class Entity(Answer):
    """What every entity tells of its changes."""

    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime


class UnitAnswer(Entity):
    """A unit of measure."""

    code: str
    name: str
    dimension: Dimension
    factor: DecimalText
    cefact_code: Annotated[str | None, Field(description="Of UN/CEFACT's Recommendation 20, such as KGM.")]
    translations: dict[Language, dict[str, str | None]] = STAFF_ONLY


class UnitList(Answer):
    """A page of units."""

    items: list[UnitAnswer]
    next_cursor: str | None


class CategoryAnswer(Entity):
    """A category; `depth` is 0 at the top."""

    name: str
    slug: str
    parent_id: UUID | None
    position: int
    depth: int
    translations: dict[Language, dict[str, str | None]] = STAFF_ONLY


class CategoryTree(Answer):
    """The whole tree, every category after its parent, in the order of a menu."""

    items: list[CategoryAnswer]
    next_cursor: None


class UnitPrice(Answer):
    """What a kilogram, a litre or a piece costs."""

    price: MoneyAnswer
    per: Literal["kg", "l", "piece"]


class ProductAnswer(Entity):
    """A product as a caller sees it; staff see `translations` too."""

    sku: str
    barcode: str | None
    name: str
    description: str | None
    composition: str | None
    storage_conditions: str | None
    category_id: UUID
    unit_id: UUID
    unit: str
    pack_size: DecimalText
    quantity_step: QuantityText
    min_quantity: QuantityText
    max_quantity: QuantityText | None
    price: MoneyAnswer
    sold_by: SoldBy
    unit_price: UnitPrice
    nutrition: dict[str, DecimalText | None] | None
    allergens: list[Allergen]
    status: Status
    photos: list[PhotoAnswer]
    available: bool
    low_stock_at: QuantityText | None = LOW_STOCK
    translations: dict[Language, dict[str, str | None]] = STAFF_ONLY


class PriceEntry(Answer):
    """A price, and since when it held."""

    price: MoneyAnswer
    since: datetime


class PriceHistory(Answer):
    """A product's prices, the newest first. `lowest_30_days`: the lowest that held in the last thirty days.
    `prior_price`: the lowest that held in the thirty days before the present one, which a shop in the EU must show
    beside a reduction (Directive 98/6/EC, article 6a); null for a product that had no other."""

    items: list[PriceEntry]
    next_cursor: str | None
    lowest_30_days: MoneyAnswer
    prior_price: MoneyAnswer | None


class ProductList(Answer):
    """A page of products."""

    items: list[ProductAnswer]
    next_cursor: str | None
