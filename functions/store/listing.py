"""Lists of products: a page at a time, narrowed and sorted, quick in a shop of a million too.

A page's ids are found first and what belongs to them afterwards, and what a filter stands for (a category's
descendants, a query's words) is looked up beforehand: from the values themselves Postgres knows how many there will be.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, any_, bindparam, cast, exists, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.schema import Column
from sqlalchemy.types import Text, Uuid

from eatit.database import Database
from eatit.paging import make_cursor, page_of, read_cursor
from store.catalogue import SOLD, Product, in_stock_of
from store.search_query import Query, read_query
from store.tables import products, search_texts, stock

WITH_DESCENDANTS = text("""
    WITH RECURSIVE below(id) AS (
        SELECT CAST(:category AS uuid)
        UNION SELECT c.id FROM store.categories c JOIN below b ON c.parent_id = b.id
    ) SELECT id FROM below
""").columns(id=products.c.id.type)
_in_names = select(
    cast(
        func.store.in_names(func.store.search_query(bindparam("words"), bindparam("before_last"), bindparam("last"))),
        Text,
    )
)
_in_stock = in_stock_of(products.c.id)
# Of each sort: the column, whether it falls, and how its key comes out of a cursor.
_SORTS: dict[str, tuple[Column[Any], bool, type | Callable[[str], Any]]] = {
    "name": (products.c.name_key, False, str),
    "price": (products.c.price_amount, False, int),
    "-price": (products.c.price_amount, True, int),
    "unit_price": (products.c.unit_price_amount, False, int),
    "-created_at": (products.c.created_at, True, datetime.fromisoformat),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of products is narrowed by; all of them together."""

    category: UUID | None = None
    warehouse: UUID | None = None
    min_price: int | None = None
    max_price: int | None = None
    in_stock: bool | None = None
    allergen_free: tuple[str, ...] = ()
    status: str | None = "active"
    q: str | None = None

    def as_given(self) -> dict[str, Any]:
        """For the cursor's digest."""
        return {name: getattr(self, name) for name in self.__slots__}


def list_products(
    database: Database, filters: Filters, sort: str, limit: int, cursor: str | None
) -> tuple[list[Product], str | None]:
    """A page of products. Raises `DomainError` (`invalid_cursor`)."""
    column, falling, kind = _SORTS[sort]
    statement = _narrowed(select(products.c.id), filters, _looked_up(database, filters))
    if cursor is not None:
        keys = read_cursor(cursor, sort, filters.as_given(), [kind, UUID])  # type: ignore[list-item]
        place, after = tuple_(column, products.c.id), tuple_(*keys)
        statement = statement.where(place < after if falling else place > after)
    # Asked for all at once, Postgres reckons what is in stock of every product, and sorts whole rows.
    order = (column.desc(), products.c.id.desc()) if falling else (column, products.c.id)
    page = statement.order_by(*order).limit(limit + 1).subquery("page")
    whole = SOLD.join(page, page.c.id == products.c.id).order_by(*order)
    rows, more = page_of(database.read(whole).all(), limit)
    if not more:
        return list(rows), None
    key = rows[-1]._mapping[column]
    return list(rows), make_cursor(sort, filters.as_given(), [key, rows[-1].id])


@dataclass(frozen=True, slots=True)
class _LookedUp:
    """What filters stand for: the ids of the category and all under it, and the tsquery of `q`."""

    below: Sequence[UUID]
    q: str


def _looked_up(database: Database, filters: Filters) -> _LookedUp:
    below: Sequence[UUID] = ()
    if filters.category is not None:
        below = database.read(WITH_DESCENDANTS, {"category": filters.category}).scalars().all()
    return _LookedUp(below, _asked_for(database, read_query(filters.q)) if filters.q else "")


def _narrowed(statement: Select[Any], filters: Filters, looked_up: _LookedUp) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if filters.status is not None:
        conditions.append(products.c.status == filters.status)
    if filters.category is not None:
        conditions.append(products.c.category_id == any_(cast(looked_up.below, ARRAY(Uuid))))
    if filters.min_price is not None:
        conditions.append(products.c.price_amount >= filters.min_price)
    if filters.max_price is not None:
        conditions.append(products.c.price_amount <= filters.max_price)
    if filters.warehouse is not None:
        here = and_(stock.c.product_id == products.c.id, stock.c.warehouse_id == filters.warehouse)
        conditions.append(exists(select(1).where(here, stock.c.on_hand > stock.c.reserved).correlate(products)))
    if filters.in_stock is not None:
        conditions.append(_in_stock if filters.in_stock else ~_in_stock)
    if filters.allergen_free:
        conditions.append(~products.c.allergens.overlap(cast(list(filters.allergen_free), ARRAY(Text))))
    if filters.q:
        asked = cast(looked_up.q, TSQUERY)
        found = search_texts.c.document.op("@@")(asked)
        conditions.append(
            exists(select(1).where(search_texts.c.product_id == products.c.id, found).correlate(products))
        )
    return statement.where(*conditions)


def _asked_for(database: Database, query: Query) -> str:
    """The tsquery of names that have all these words, the last perhaps only begun, or whose sku or barcode it is."""
    words = {"words": query.words, "before_last": query.before_last, "last": query.last}
    named = str(database.read(_in_names, words).scalar_one())
    return " | ".join(
        part for part in (f"({named})" if named else "", f"'@{query.code}'" if query.code else "") if part
    )
