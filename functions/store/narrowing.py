"""What narrows a list of products: its filters as conditions on a row, and the shortest lists that hold what passes."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, any_, bindparam, cast, collate, column, exists, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Exists, FromClause
from sqlalchemy.types import Integer, Text, Uuid

from eatit.database import Database
from store.search_query import Query, read_query
from store.tables import products, search_texts, stock, warehouses

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
_open_warehouses = func.array(select(warehouses.c.id).where(warehouses.c.active).scalar_subquery())


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of products is narrowed by; all of them together. `on_sale`: for whom nothing else is there."""

    category: UUID | None = None
    warehouse: UUID | None = None
    min_price: int | None = None
    max_price: int | None = None
    in_stock: bool | None = None
    allergen_free: tuple[str, ...] = ()
    status: str | None = "active"
    q: str | None = None
    on_sale: bool = False

    def as_given(self) -> dict[str, Any]:
        """For the cursor's digest."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "on_sale"}


class Narrowing:
    """Filters with what they stand for looked up: the ids of the category and all under it, and the tsquery of `q`."""

    def __init__(self, database: Database, filters: Filters) -> None:
        self._filters = filters
        self._below: Sequence[UUID] = ()
        if filters.category is not None:
            self._below = database.read(WITH_DESCENDANTS, {"category": filters.category}).scalars().all()
        self._q = _asked_for(database, read_query(filters.q)) if filters.q else ""

    @property
    def nothing(self) -> bool:
        """Whether nothing can pass: `q` has no words, or the status isn't one to be seen."""
        unseen = self._filters.on_sale and self._filters.status != "active"
        return unseen or (bool(self._filters.q) and not self._q)

    def along(self, sort: str) -> dict[str, ColumnElement[bool]]:
        """Of the conditions those that the sort's own index holds together, by filter: in their range nothing else
        lies."""
        filters, found = self._filters, {}
        if sort == "name" and filters.status is not None:
            found["status"] = products.c.status == filters.status
            if len(self._below) == 1:
                found["category"] = products.c.category_id == self._below[0]
        if sort in ("price", "-price"):
            found |= self._prices(products)
        return found

    def conditions(self, row: FromClause, besides: Collection[str] = ()) -> list[ColumnElement[bool]]:
        """All filters but those `besides`, of a row with the columns of `products`. The dear ones last."""
        return [*self.cheap(row, besides), *self.dear(row, besides)]

    def cheap(
        self, row: FromClause, besides: Collection[str] = (), unknown: Collection[str] = ()
    ) -> list[ColumnElement[bool]]:
        """What the row itself answers; of one that lacks columns, what those that it has do."""
        filters, found = self._filters, {} if "price_amount" in unknown else self._prices(row)
        if filters.status is not None and "status" not in unknown:
            found["status"] = row.c.status == filters.status
        if filters.category is not None and "category_id" not in unknown:
            found["category"] = row.c.category_id == any_(cast(self._below, ARRAY(Uuid)))
        if filters.allergen_free and "allergens" not in unknown:
            found["allergens"] = ~row.c.allergens.overlap(cast(list(filters.allergen_free), ARRAY(Text)))
        return [condition for name, condition in found.items() if name not in besides]

    def dear(self, row: FromClause, besides: Collection[str] = ()) -> list[ColumnElement[bool]]:
        """What another table is asked for."""
        filters = self._filters
        found: dict[str, ColumnElement[bool]] = {}
        if filters.q:
            found["q"] = self._found(row)
        if filters.warehouse is not None:
            found["warehouse"] = _available(row, stock.c.warehouse_id == filters.warehouse)
        if filters.in_stock is not None:
            somewhere = _available(row, stock.c.warehouse_id == any_(_open_warehouses))
            found["in_stock"] = somewhere if filters.in_stock else ~somewhere
        return [condition for name, condition in found.items() if name not in besides]

    @property
    def looked_at(self) -> set[str]:
        """The columns that `cheap` looks at."""
        filters = self._filters
        given = {
            "status": filters.status is not None,
            "category_id": filters.category is not None,
            "price_amount": bool(self._prices(products)),
            "allergens": bool(filters.allergen_free),
        }
        return {name for name, used in given.items() if used}

    def sources(self, most: int, besides: Collection[str]) -> Iterator[Select[Any]]:
        """Lists that are quick to find, each holding all that passes one of the filters, and `most` at most: ids, with
        the columns of the same index."""
        filters, keys = self._filters, (products.c.id, products.c.status, products.c.name_key, products.c.price_amount)
        if filters.warehouse is not None:
            yield select(stock.c.product_id.label("id")).where(stock.c.warehouse_id == filters.warehouse).limit(most)
        if filters.category is not None and "category" not in besides:
            here = [products.c.category_id == any_(cast(self._below, ARRAY(Uuid)))]
            if filters.status is not None:
                here.append(products.c.status == filters.status)
            yield select(*keys, products.c.category_id).where(*here).limit(most)
        if (prices := self._prices(products)) and not set(prices) <= set(besides):
            yield select(*keys).where(*prices.values()).limit(most)
        if filters.in_stock:
            listed = select(stock.c.product_id.label("id")).distinct()
            yield listed.order_by(stock.c.product_id).limit(most)
        if filters.status is not None and "status" not in besides:
            yield select(*keys).where(products.c.status == filters.status).limit(most)

    def named(self, most: int) -> Select[Any] | None:
        """The products that `q` finds, `most` at most, with what the texts of search hold of them."""
        if not self._filters.q:
            return None
        held = [products.c[name] for name in ("id", "status", "category_id", "name_key", "price_amount", "allergens")]
        found = func.store.named(cast(self._q, TSQUERY), most).table_valued(*(column(c.name, c.type) for c in held))
        # What a function gives has forgotten its collation. And of other statuses the texts know nothing.
        columns = [collate(c, "C").label(c.name) if c.name == "name_key" else c for c in found.c]
        if self._filters.status not in (None, "active"):
            columns = [c for c in columns if c.name != "status"]
        return select(*columns)

    def texts(self, sort: str) -> FromClause | None:
        """The texts of search in place of the products, where both hold the same rows in the same order."""
        if not self._filters.q or sort != "name" or self._filters.status != "active":
            return None
        held = [search_texts.c[name] for name in ("name_key", "category_id", "price_amount", "allergens", "document")]
        columns = [search_texts.c.product_id.label("id"), literal("active").label("status"), *held]
        return select(*columns).where(search_texts.c.active).subquery("texts")

    def _found(self, row: FromClause) -> ColumnElement[bool]:
        asked = cast(self._q, TSQUERY)
        if "document" in row.c:
            return row.c.document.op("@@")(asked)
        named = search_texts.c.document.op("@@")(asked)
        return _by_itself(search_texts.c.product_id == row.c.id, named, of=search_texts)

    def _prices(self, row: FromClause) -> dict[str, ColumnElement[bool]]:
        found = {}
        if self._filters.min_price is not None:
            found["min_price"] = row.c.price_amount >= self._filters.min_price
        if self._filters.max_price is not None:
            found["max_price"] = row.c.price_amount <= self._filters.max_price
        return found


def _available(row: FromClause, where: ColumnElement[bool]) -> Exists:
    return _by_itself(stock.c.product_id == row.c.id, where, stock.c.on_hand > stock.c.reserved, of=stock)


def _by_itself(*conditions: ColumnElement[bool], of: FromClause) -> Exists:
    """EXISTS, looked up row by row: by OFFSET Postgres doesn't make a join of it, for which it would read all of the
    other table."""
    return exists(select(literal(1, Integer)).where(*conditions).offset(0).correlate_except(of))


def _asked_for(database: Database, query: Query) -> str:
    """The tsquery of names that have all these words, the last perhaps only begun, or whose sku or barcode it is."""
    words = {"words": query.words, "before_last": query.before_last, "last": query.last}
    named = str(database.read(_in_names, words).scalar_one())
    return " | ".join(
        part for part in (f"({named})" if named else "", f"'@{query.code}'" if query.code else "") if part
    )
