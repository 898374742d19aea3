"""The shapes that all groups' bodies are made of: strict models, money, quantities, exact decimals."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from eatit.http.bodies import ExponentDecimal, is_readable
from eatit.money import MAX_AMOUNT
from eatit.settings import settings

MAX_QUANTITY = 999_999_999
_SHORT = 12
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?")


class Body(BaseModel):
    """A request's body: unknown fields are refused, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, str_max_length=10_000, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _of_an_object(cls, value: Any) -> Any:
        # FastAPI has bodies read from attributes too: a decimal would pass for an object of which nothing is given.
        if not isinstance(value, dict):
            raise PydanticCustomError("eatit.wrong_type", "object", {"expected": ("an object", "объект")})
        return value

    def given(self) -> dict[str, Any]:
        """The fields that the caller gave, in Python's own types."""
        return self.model_dump(exclude_unset=True)


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


class Change(Body):
    """A PATCH's body: what isn't given stays as it is, so the fields' defaults mean nothing and aren't documented."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class Answer(BaseModel):
    """An answer's shape, for the documentation; answers themselves are made as bytes."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True, slots=True)
class Exact:
    """Reads an exact decimal from a JSON number or string, from zero (`above`: beyond it) to `maximum`, with at most
    `places` places: `Annotated[Decimal, Exact(places=3, maximum=100)]`."""

    places: int
    maximum: int
    above: bool = False

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, _schema: Any, _handler: Any) -> dict[str, Any]:
        return _decimal_schema(self.places, self.maximum, above=self.above)

    def read(self, value: Any) -> Decimal:
        """The decimal in a JSON value. Raises `PydanticCustomError` with the fault's code."""
        if type(value) is str and len(value) <= _SHORT:
            return _read_text(value, self.places, self.maximum, self.above)
        return self._read(value)

    def _read(self, value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise PydanticCustomError(
                "eatit.wrong_type",
                "decimal",
                {"expected": ("a number, or a string with one", "число или строка с числом")},
            )
        if isinstance(value, ExponentDecimal) or (
            isinstance(value, str) and re.fullmatch(r"[-+0-9.]+[eE][-+]?[0-9]+", value)
        ):
            raise PydanticCustomError("eatit.exponent", "exponent", {})
        if isinstance(value, str) and not _PLAIN_NUMBER.fullmatch(value):
            raise PydanticCustomError(
                "eatit.wrong_form", "decimal", {"expected": ('a number such as "1.250"', 'число, например "1.250"')}
            )
        number = Decimal(value)
        negative = number < 0 or (isinstance(value, str) and number.is_signed())
        if negative or number > self.maximum or (self.above and number.is_zero()):
            sign = ">" if self.above else "≥"
            raise PydanticCustomError("eatit.out_of_range", "range", {"expected": f"{sign} 0, ≤ {self.maximum}"})
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and -exponent > self.places:
            raise PydanticCustomError("eatit.too_many_places", "places", {"places": self.places})
        return abs(number)


@lru_cache(maxsize=4096)
def _read_text(text: str, places: int, maximum: int, above: bool) -> Decimal:
    """What a short text says: a file of goods says the same few over and over."""
    return Exact(places, maximum, above)._read(text)


def _decimal_schema(places: int, maximum: int, *, above: bool) -> dict[str, Any]:
    # A pattern can't compare numbers, but the bounds are such that their digits can be told.
    fraction = rf"(\.[0-9]{{1,{places}}})?"
    digits = str(maximum)
    if set(digits) == {"9"}:
        whole = rf"(0|[1-9][0-9]{{0,{len(digits) - 1}}}){fraction}"
    else:
        below = rf"[1-9][0-9]{{0,{len(digits) - 2}}}"
        if digits[0] != "1":
            below += rf"|[1-{int(digits[0]) - 1}][0-9]{{{len(digits) - 1}}}"
        whole = rf"((0|{below}){fraction}|{digits}(\.0{{1,{places}}})?)"
    text: dict[str, Any] = {"type": "string", "pattern": f"^{whole}$", "examples": ["1.250" if places == 3 else "1.5"]}
    number: dict[str, Any] = {"type": "number", "exclusiveMinimum" if above else "minimum": 0, "maximum": maximum}
    if above:
        text["not"] = {"pattern": r"^0(\.0+)?$"}
    words = f"At most {places} decimal places, no exponent."
    return {"anyOf": [text, number], "description": words}


Quantity = Annotated[Decimal, Exact(places=3, maximum=MAX_QUANTITY)]
PositiveQuantity = Annotated[Decimal, Exact(places=3, maximum=MAX_QUANTITY, above=True)]
QuantityText = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{3}$", examples=["1.250"])]
DecimalText = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]*[1-9])?$", examples=["1000", "0.5"])]


_ID = ("an id (UUID)", "идентификатор (UUID)")


def _uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        return UUID(value)
    if isinstance(value, str):
        raise PydanticCustomError("eatit.wrong_form", "uuid", {"expected": _ID})
    raise PydanticCustomError("eatit.wrong_type", "uuid", {"expected": _ID})


Id = Annotated[UUID, BeforeValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]


_MOMENT = ("a time such as 2026-11-21T18:00:00Z", "время, например 2026-11-21T18:00:00Z")
_RFC_3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}):([0-9]{2})(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _moment(value: Any) -> datetime:
    """The moment that a text names (RFC 3339, section 5.6): a leap second is the one after it, and the year 0 is the
    year 1, before which nothing was either."""
    if isinstance(value, datetime):
        return value
    parts = _RFC_3339.fullmatch(value.upper()) if isinstance(value, str) else None
    try:
        if parts is None:
            raise ValueError("not of the form")
        day, minute, second, fraction, offset = parts.groups()
        leap = timedelta(seconds=second == "60")
        day = f"0001{day[4:]}" if day.startswith("0000") else day
        text = f"{day}T{minute}:{'59' if leap else second}.{(fraction or '.0')[1:7]:<06}"
        return datetime.fromisoformat(text + ("+00:00" if offset == "Z" else offset)) + leap
    except (ValueError, OverflowError):
        raise PydanticCustomError("eatit.wrong_form", "moment", {"expected": _MOMENT}) from None


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


def _readable(value: Any) -> Any:
    if isinstance(value, str) and not is_readable(value):
        raise PydanticCustomError("eatit.unreadable_text", "text", {})
    return value


ParameterText = Annotated[str, BeforeValidator(_readable), Field(max_length=500)]


def _stripped(value: Any) -> Any:
    """Without the spaces round it; empty where there is nothing to be seen, zero-width characters and all."""
    if not isinstance(value, str):
        return value
    return value.strip() if _SEEN.search(value) else ""


# Python's strip() also takes the separators below space and NEL.
_SEEN = re.compile(r"[^\s\x1c-\x1f\x85\u00ad\u200b-\u200f\u2060\ufeff]")
_SOMETHING = r"[^\s\x1c-\x1f\x85]"
_Stripped = Annotated[str, BeforeValidator(_stripped)]
Text100 = Annotated[_Stripped, Field(min_length=1, max_length=100, json_schema_extra={"pattern": _SOMETHING})]
Text200 = Annotated[_Stripped, Field(min_length=1, max_length=200, json_schema_extra={"pattern": _SOMETHING})]
Text300 = Annotated[_Stripped, Field(min_length=1, max_length=300, json_schema_extra={"pattern": _SOMETHING})]
Text1000 = Annotated[_Stripped, Field(min_length=1, max_length=1000, json_schema_extra={"pattern": _SOMETHING})]
Text5000 = Annotated[_Stripped, Field(min_length=1, max_length=5000, json_schema_extra={"pattern": _SOMETHING})]


def _number(value: Any) -> Any:
    """A fraction was read as an exact decimal; on earth a float is exact enough."""
    return float(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else value


# The bounds stand before the reading, or the documents would not tell them as JSON Schema does.
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, examples=[55.75]), BeforeValidator(_number)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, examples=[37.62]), BeforeValidator(_number)]


def both_or_neither(place: Body) -> None:
    """Raise a fault of what is lacking unless the body's `latitude` and `longitude` are given both or not at all; in a
    `Change`, where what isn't given stays, also when one alone is taken away."""
    kept = place.model_fields_set if isinstance(place, Change) else ()
    for given, lacking in (("latitude", "longitude"), ("longitude", "latitude")):
        half = getattr(place, given) is not None and getattr(place, lacking) is None
        if half or (given in kept and lacking not in kept):
            fault = PydanticCustomError("eatit.contradiction", "place", {"other": given})
            found: InitErrorDetails = {"type": fault, "loc": (lacking,), "input": None}
            # Another fault, raised as it is, would point at the whole place.
            raise ValidationError.from_exception_data("place", [found])


class MoneyBody(Body):
    """An amount in minor units, zero to 10^12, in the shop's currency."""

    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT, strict=True)]
    currency: Annotated[str, BeforeValidator(lambda value: _currency(value)), Field(pattern=r"^[A-Z]{3}$")]


class PositiveMoneyBody(MoneyBody):
    """An amount in minor units, one to 10^12, in the shop's currency."""

    amount: Annotated[int, Field(ge=1, le=MAX_AMOUNT, strict=True)]


def _currency(value: Any) -> Any:
    if isinstance(value, str) and value != settings().currency:
        raise PydanticCustomError("eatit.wrong_currency", "currency", {"expected": settings().currency})
    return value


class MoneyAnswer(BaseModel):
    """An amount in minor units and its ISO 4217 currency."""

    amount: int
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class FaultAnswer(BaseModel):
    """One fault of a bad body."""

    pointer: str
    code: str
    detail: str


class ProblemAnswer(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    trace_id: str
    errors: Annotated[list[FaultAnswer], Field(default_factory=list, description="All that is wrong with the body.")]


class HealthAnswer(BaseModel):
    """How the group is."""

    status: Literal["ok", "degraded", "down"]
    checks: dict[str, Literal["ok", "down"]]
