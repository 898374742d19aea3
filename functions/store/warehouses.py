"""Warehouses: where goods lie, and which is the nearest."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, delete, exists, func, insert, or_, select, tuple_, update

from eatit.database import Database, Transaction, refusing
from eatit.errors import Conflict, NotFound, check_version
from eatit.identifiers import uuid7
from eatit.paging import make_cursor, page_of, read_cursor
from store.tables import movements, stock, warehouses

_one = select(warehouses).where(warehouses.c.id == bindparam("id"))
_one_locked = _one.with_for_update()
# Against other writers alone: movements and checkouts, which refer to the warehouse, don't wait, and so in no circle.
_one_kept = _one.with_for_update(key_share=True)
_is_used = select(
    or_(
        exists().where(stock.c.warehouse_id == bindparam("id")),
        exists().where(movements.c.warehouse_id == bindparam("id")),
        exists().where(movements.c.to_warehouse_id == bindparam("id")),
    )
)
_constraints = {"warehouses_code_key": Conflict("code_taken")}

FARTHEST = 1e6  # km: beyond any place on earth

Warehouse = Row[Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A place on earth, in degrees."""

    latitude: float
    longitude: float


def list_warehouses(
    database: Database, *, near: Place | None, active: bool | None, limit: int, cursor: str | None
) -> tuple[list[Warehouse], str | None]:
    """A page of warehouses by code, or by how far they are from a place, those without coordinates last; each with its
    `distance_km`, null where it isn't known. Raises `DomainError` (`invalid_cursor`)."""
    far = func.store.distance(
        warehouses.c.latitude,
        warehouses.c.longitude,
        None if near is None else near.latitude,
        None if near is None else near.longitude,
    ).label("distance_km")
    code = warehouses.c.code.collate("C")
    statement = select(warehouses, far)
    if active is not None:
        statement = statement.where(warehouses.c.active == active)
    filters = {"near": None if near is None else [near.latitude, near.longitude], "active": active}
    sort = "code" if near is None else "distance"
    order = (code,) if near is None else (func.coalesce(far, FARTHEST), code)
    if cursor is not None:
        after = read_cursor(cursor, sort, filters, [str] if near is None else [float, str])
        statement = statement.where(tuple_(*order) > tuple_(*after))
    rows, more = page_of(database.read(statement.order_by(*order).limit(limit + 1)).all(), limit)
    if not more:
        return list(rows), None
    last = rows[-1]
    keys = (
        [last.code] if near is None else [repr(FARTHEST if last.distance_km is None else last.distance_km), last.code]
    )
    return list(rows), make_cursor(sort, filters, keys)


def warehouse_by_id(database: Database, warehouse_id: UUID) -> Warehouse:
    """The warehouse. Raises `NotFound`."""
    row = database.read(_one, {"id": warehouse_id}).one_or_none()
    if row is None:
        raise NotFound
    return row


def create_warehouse(transaction: Transaction, given: dict[str, Any]) -> Warehouse:
    """Make a warehouse. Raises `Conflict` (`code_taken`)."""
    with refusing(_constraints):
        made = insert(warehouses).values(id=uuid7(), **_columns(given))
        return transaction.execute(made.returning(warehouses)).one()


def change_warehouse(
    transaction: Transaction, warehouse_id: UUID, given: dict[str, Any], expected: list[int] | None
) -> tuple[Warehouse, bool]:
    """Change a warehouse, and whether it opened or closed: then its goods can be had, or can't, from now on.

    Raises `NotFound`, `Stale`, `Conflict` (`code_taken`).
    """
    row = _locked(transaction, _one_kept, warehouse_id, expected)
    changes = {name: value for name, value in _columns(given).items() if row._mapping[name] != value}
    if not changes:
        return row, False
    statement = (
        update(warehouses)
        .where(warehouses.c.id == warehouse_id)
        .values(**changes, version=warehouses.c.version + 1, updated_at=func.now())
        .returning(warehouses)
    )
    with refusing(_constraints):
        return transaction.execute(statement).one(), "active" in changes


def delete_warehouse(transaction: Transaction, warehouse_id: UUID, expected: list[int] | None) -> None:
    """Delete a warehouse in which nothing ever lay. Raises `NotFound`, `Stale`, `Conflict` (`in_use`)."""
    _locked(transaction, _one_locked, warehouse_id, expected)
    if transaction.execute(_is_used, {"id": warehouse_id}).scalar_one():
        raise Conflict("in_use", by=("stock", "остатки"))
    transaction.execute(delete(warehouses).where(warehouses.c.id == warehouse_id))


def _columns(given: dict[str, Any]) -> dict[str, Any]:
    """The body's fields as columns; of translations only what says something."""
    if "translations" not in given:
        return given
    told = {
        language: {name: word for name, word in words.items() if word is not None}
        for language, words in given["translations"].items()
    }
    return {**given, "translations": {language: words for language, words in told.items() if words}}


def _locked(
    transaction: Transaction, statement: Select[Any], warehouse_id: UUID, expected: list[int] | None
) -> Warehouse:
    row = transaction.execute(statement, {"id": warehouse_id}).one_or_none()
    if row is None:
        raise NotFound
    check_version(row.version, expected)
    return row
