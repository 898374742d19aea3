"""Units of measure: exact factors to the base unit, and what a kilogram, a litre or a piece of a product costs."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, exists, func, insert, select, update

from eatit.database import Database, Transaction, refusing
from eatit.errors import Conflict, Fault, Invalid, NotFound, check_version
from eatit.identifiers import uuid7
from eatit.money import EXACT, round_half_up
from eatit.paging import make_cursor, page_of, read_cursor
from store.tables import products, units

# For each dimension: what a price is compared by, and how many base units that is.
COMPARED_BY = {"mass": ("kg", 1000), "volume": ("l", 1000), "count": ("piece", 1)}
DIMENSIONS = {"mass": ("mass", "масса"), "volume": ("volume", "объём"), "count": ("count", "количество")}
UNIT = ("unit", "единица измерения")
FITTING = {"piece": ("mass", "volume", "count"), "weight": ("mass",), "volume": ("volume",)}

_one = select(units).where(units.c.id == bindparam("id"))
_one_locked = _one.with_for_update()
_is_used = select(exists().where(products.c.unit_id == bindparam("id")))
_in_use = Conflict("in_use", by=("products", "товары"))
_constraints = {"units_code_key": Conflict("code_taken"), "products_unit_id_fkey": _in_use}

Unit = Row[Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """What quantities are counted in: a unit's dimension, and how many base units (g, ml, piece) it is."""

    dimension: str
    factor: Decimal


def converted(quantity: Decimal, of: Measure, to: Measure) -> Decimal:
    """The same quantity in another unit: exact where it has an end, else to eighty digits.

    Raises `Invalid` (`wrong_dimension`): no weight is a volume.
    """
    if of.dimension != to.dimension:
        raise Invalid([Fault("/unit_id", "wrong_dimension", {"dimension": DIMENSIONS[of.dimension]})])
    return EXACT.divide(EXACT.multiply(quantity, of.factor), to.factor)


def unit_price(price: int, sold_by: str, pack_size: Decimal, dimension: str, factor: Decimal) -> tuple[int, str]:
    """Minor units for a kilogram, a litre or a piece, half up, and which of them.

    By weight or volume `price` is for one unit; by the piece it is for a pack that holds `pack_size` units:
    200 g at 129.90 is 649.50 a kilogram.
    """
    per, base_units = COMPARED_BY[dimension]
    held = pack_size if sold_by == "piece" else Decimal(1)
    content = converted(held, Measure(dimension, factor), Measure(dimension, Decimal(base_units)))
    return round_half_up(EXACT.divide(Decimal(price), content)), per


def list_units(database: Database, limit: int, cursor: str | None) -> tuple[list[Unit], str | None]:
    """A page of units by code."""
    statement = select(units).order_by(units.c.code.collate("C")).limit(limit + 1)
    if cursor is not None:
        (code,) = read_cursor(cursor, "code", {}, [str])
        statement = statement.where(units.c.code.collate("C") > code)
    rows, more = page_of(database.read(statement).all(), limit)
    return list(rows), make_cursor("code", {}, [rows[-1].code]) if more else None


def unit_by_id(database: Database, unit_id: UUID) -> Unit:
    """The unit. Raises `NotFound`."""
    row = database.read(_one, {"id": unit_id}).one_or_none()
    if row is None:
        raise NotFound
    return row


def create_unit(transaction: Transaction, given: dict[str, Any]) -> Unit:
    """Make a unit. Raises `Conflict` (`code_taken`)."""
    with refusing(_constraints):
        return transaction.execute(insert(units).values(id=uuid7(), **given).returning(units)).one()


def change_unit(transaction: Transaction, unit_id: UUID, given: dict[str, Any], expected: list[int] | None) -> Unit:
    """Change a unit. What prices were reckoned with (dimension, factor) and its code stand fast while it is in use.

    Raises `NotFound`, `Stale`, `Conflict` (`code_taken`, `in_use`).
    """
    row = _locked(transaction, unit_id, expected)
    changes = {name: value for name, value in given.items() if row._mapping[name] != value}
    if changes.keys() & {"code", "dimension", "factor"} and transaction.execute(_is_used, {"id": unit_id}).scalar_one():
        raise Conflict("in_use", by=("products", "товары"))
    if not changes:
        return row
    statement = (
        update(units)
        .where(units.c.id == unit_id)
        .values(**changes, version=units.c.version + 1, updated_at=func.now())
        .returning(units)
    )
    with refusing(_constraints):
        return transaction.execute(statement).one()


def delete_unit(transaction: Transaction, unit_id: UUID, expected: list[int] | None) -> None:
    """Delete a unit that nothing uses. Raises `NotFound`, `Stale`, `Conflict` (`in_use`)."""
    _locked(transaction, unit_id, expected)
    with refusing(_constraints):
        transaction.execute(delete(units).where(units.c.id == unit_id))


def _locked(transaction: Transaction, unit_id: UUID, expected: list[int] | None) -> Unit:
    row = transaction.execute(_one_locked, {"id": unit_id}).one_or_none()
    if row is None:
        raise NotFound
    check_version(row.version, expected)
    return row
