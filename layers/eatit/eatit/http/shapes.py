"""The shapes that all groups' bodies are made of: strict models, money, quantities, exact decimals."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from eatit.http.bodies import ExponentDecimal, is_readable
from eatit.settings import settings

MAX_AMOUNT = 10**12
MAX_QUANTITY = Decimal(999_999_999)
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?")


class Body(BaseModel):
    """A request's body: unknown fields are refused, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, str_max_length=10_000, hide_input_in_errors=True)

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


def exact(
    *, places: int, minimum: Decimal | int, maximum: Decimal | int, above: bool = False
) -> Callable[[Any], Decimal]:
    """A reader of an exact decimal from a JSON number or string, with at most `places` places, in these bounds
    (`above`: the minimum itself is refused)."""
    bound = f"{'>' if above else '≥'} {minimum}, ≤ {maximum}"

    def read(value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise PydanticCustomError("eatit.wrong_type", "decimal", {"expected": "a number, or a string with one"})
        if isinstance(value, ExponentDecimal) or (
            isinstance(value, str) and re.fullmatch(r"[-+0-9.]+[eE][-+]?[0-9]+", value)
        ):
            raise PydanticCustomError("eatit.exponent", "exponent", {})
        if isinstance(value, str):
            if not _PLAIN_NUMBER.fullmatch(value):
                raise PydanticCustomError("eatit.wrong_form", "decimal", {"expected": 'a number such as "1.250"'})
            value = Decimal(value)
        number = Decimal(value)
        if number.is_zero():
            number = abs(number)
        if number < minimum or number > maximum or (above and number == minimum):
            raise PydanticCustomError("eatit.out_of_range", "range", {"expected": bound})
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and -exponent > places:
            raise PydanticCustomError("eatit.too_many_places", "places", {"places": places})
        return number

    return read


def decimal_schema(places: int, *, minimum: str = "0", signed: bool = False) -> WithJsonSchema:
    """The JSON schema of such a decimal: a number, or a string with one."""
    sign = "-?" if signed else ""
    pattern = rf"^{sign}(0|[1-9][0-9]{{0,8}})(\.[0-9]{{1,{places}}})?$"
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": pattern},
                {"type": "number", "minimum": float(minimum), "maximum": float(MAX_QUANTITY)},
            ]
        }
    )


Quantity = Annotated[Decimal, BeforeValidator(exact(places=3, minimum=0, maximum=MAX_QUANTITY)), decimal_schema(3)]
PositiveQuantity = Annotated[
    Decimal, BeforeValidator(exact(places=3, minimum=0, maximum=MAX_QUANTITY, above=True)), decimal_schema(3)
]
QuantityText = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{3}$", examples=["1.250"])]
DecimalText = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]*[1-9])?$", examples=["1000", "0.5"])]


def _uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        return UUID(value)
    if isinstance(value, str):
        raise PydanticCustomError("eatit.wrong_form", "uuid", {"expected": "an id (UUID)"})
    raise PydanticCustomError("eatit.wrong_type", "uuid", {"expected": "an id (UUID)"})


Id = Annotated[UUID, BeforeValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]


def _readable(value: Any) -> Any:
    if isinstance(value, str) and not is_readable(value):
        raise PydanticCustomError("eatit.unreadable_text", "text", {})
    return value


ParameterText = Annotated[str, BeforeValidator(_readable), Field(max_length=500)]


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


_Stripped = Annotated[str, BeforeValidator(_stripped)]
Text100 = Annotated[_Stripped, Field(min_length=1, max_length=100)]
Text200 = Annotated[_Stripped, Field(min_length=1, max_length=200)]
Text300 = Annotated[_Stripped, Field(min_length=1, max_length=300)]
Text1000 = Annotated[_Stripped, Field(min_length=1, max_length=1000)]
Text5000 = Annotated[_Stripped, Field(min_length=1, max_length=5000)]


class MoneyBody(Body):
    """An amount in minor units, zero to 10^12, in the shop's currency."""

    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT, strict=True)]
    currency: Annotated[str, BeforeValidator(lambda value: _currency(value)), Field(pattern=r"^[A-Z]{3}$")]


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
    errors: list[FaultAnswer] | None = None


class HealthAnswer(BaseModel):
    """How the group is."""

    status: Literal["ok", "degraded", "down"]
    checks: dict[str, Literal["ok", "down"]]
