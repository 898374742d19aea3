"""Lists of products: a page at a time, narrowed and sorted, quick in a shop of a million too.

Whatever the filters, and wherever what passes them stands, a page's work is bounded. Most pages are full after some
rows in the order asked for. Else one of the filters may be passed by few products: these are sorted. Else the rows are
walked on, a range at a time, until the page is full or `PATIENCE` is over: then it is a short one, with a cursor. A
range lies between two rows' keys, so that no row is twice on pages or missing, whatever is added meanwhile.
"""

import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from itertools import chain, repeat
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, select, true, tuple_
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.schema import Column
from sqlalchemy.sql.selectable import FromClause

from eatit.database import Database
from eatit.paging import make_cursor, page_of, read_cursor
from store.catalogue import SOLD, Product
from store.narrowing import Filters, Narrowing
from store.tables import products

__all__ = ["Filters", "list_products"]

# Of each sort: the column, whether it falls, and how its key comes out of a cursor.
_SORTS: dict[str, tuple[Column[Any], bool, type | Callable[[str], Any]]] = {
    "name": (products.c.name_key, False, str),
    "price": (products.c.price_amount, False, int),
    "-price": (products.c.price_amount, True, int),
    "unit_price": (products.c.unit_price_amount, False, int),
    "-created_at": (products.c.created_at, True, datetime.fromisoformat),
}
NEAREST = 1_000  # rows that are looked at before anything else is tried
# How few must be found by words, or pass a filter, to be sorted rather than looked for in order. Of a million alike, a
# page of 50 is full within 7,000 rows where 7,000 pass: either costs the same. More are sorted only when a page isn't
# full by then. What has to be looked up row by row costs several times as much.
FEW_NAMED, FEW, MANY_NAMED, MANY = 2_000, 7_000, 300_000, 100_000
RANGES = (4_000, 16_000, 30_000)  # how many rows are walked at a time, the last again and again; before it, MANY
PATIENCE = 1.5  # seconds of walking
# To sort all that words find takes seven to ten times what it takes to see that they find more than a few: where that
# took longer, on a busy machine, it would come near to the statement's limit of five seconds.
BUSY = 0.35


def list_products(
    database: Database, filters: Filters, sort: str, limit: int, cursor: str | None
) -> tuple[list[Product], str | None]:
    """A page of products; with a cursor it may be a short one. Raises `DomainError` (`invalid_cursor`)."""
    column, _, kind = _SORTS[sort]
    after = None
    if cursor is not None:
        after = read_cursor(cursor, sort, filters.as_given(), [kind, UUID])  # type: ignore[list-item]
    narrowing = Narrowing(database, filters)
    if narrowing.nothing:
        return [], None
    rows, until = _Walk(database, narrowing, sort, limit + 1).page(after)
    page, more = page_of(rows, limit)
    if more:
        until = [getattr(page[-1], column.name), page[-1].id]
    return list(page), None if until is None else make_cursor(sort, filters.as_given(), until)


class _Walk:
    """The rows of a list in the order asked for, `limit` at most: the page's and one more."""

    def __init__(self, database: Database, narrowing: Narrowing, sort: str, limit: int) -> None:
        self._database = database
        self._narrowing = narrowing
        self._column, self._falling, _ = _SORTS[sort]
        self._limit = limit
        texts = narrowing.texts(sort)
        self._rows: FromClause = products if texts is None else texts
        self._along = narrowing.along(sort) if texts is None else {"status": true()}

    def page(self, after: list[Any] | None) -> tuple[Sequence[Product], list[Any] | None]:
        """The rows after this place; and, where there may be more of them, the place up to which these are all."""
        begun = time.monotonic()
        if (rows := self._of_named(FEW_NAMED, after)) is not None:
            return rows, None
        busy = time.monotonic() - begun > BUSY
        alone = not self._narrowing.conditions(self._rows, self._along)
        nearest = self._whole(self._between(after, None) if alone else self._nearest(after))
        if alone or len(nearest) == self._limit:
            return nearest, None
        if (rows := self._of_few(FEW, after)) is not None:
            return rows, None
        if not busy and (rows := self._of_named(MANY_NAMED, after)) is not None:
            return rows, None
        return self._onward(after)

    def _onward(self, after: list[Any] | None) -> tuple[Sequence[Product], list[Any] | None]:
        over = time.monotonic() + PATIENCE
        found: list[Product] = []
        for turn, size in enumerate(chain(RANGES, repeat(RANGES[-1]))):
            rest = self._of_few(MANY, after) if turn == len(RANGES) - 1 else None
            if rest is not None:
                return [*found, *rest][: self._limit], None
            until = self._place(after, size)
            found += self._whole(self._between(after, until))
            if until is None or len(found) >= self._limit:
                return found[: self._limit], None
            after = until
            if time.monotonic() > over:
                break
        return found, after

    def _nearest(self, after: list[Any] | None) -> Select[Any]:
        """Of the NEAREST rows that come next those that pass, as far as the page is long."""
        looked_at = self._narrowing.looked_at | {"id", "document", self._column.name}
        rows = select(*(column for column in self._rows.c if column.name in looked_at)).where(*self._range(after))
        near = self._in_order(rows, self._rows).limit(NEAREST).subquery("near")
        passing = select(near.c.id).where(*self._narrowing.conditions(near, self._along))
        return self._in_order(passing, near)

    def _of_named(self, most: int, after: list[Any] | None) -> Sequence[Product] | None:
        """The rows after this place, if `q` finds no more than `most` products."""
        named = self._narrowing.named(most + 1)
        return None if named is None else self._listed(named, most, after, besides={"q"})

    def _of_few(self, most: int, after: list[Any] | None) -> Sequence[Product] | None:
        """The rows after this place, if there is another filter that no more than `most` products pass."""
        sources = list(self._narrowing.sources(most + 1, self._along))
        if not sources:
            return None
        sizes = [select(func.count()).select_from(source.subquery()).scalar_subquery() for source in sources]
        size, place = min((size, place) for place, size in enumerate(self._database.read(select(*sizes)).one()))
        return self._listed(sources[place], most, after) if size <= most else None

    def _listed(
        self, source: Select[Any], most: int, after: list[Any] | None, besides: Collection[str] = ()
    ) -> Sequence[Product] | None:
        """All that passes among the products of this list, unless it is longer than `most`.

        Unless what the list says is enough to narrow and to sort it, what it can't exclude is looked up, one by one
        (because of OFFSET Postgres can't read all products instead), and mustn't be more than MANY. What other tables
        are asked for is asked in the order of the page.
        """
        listed = source.cte("listed")
        needed = self._narrowing.looked_at | {self._column.name}
        row: FromClause = listed
        joined: FromClause = listed
        bounds = [select(func.count()).select_from(listed).scalar_subquery() <= most]
        if not needed <= set(listed.c.keys()):
            unknown = needed - set(listed.c.keys())
            left = select(listed.c.id).where(*self._narrowing.cheap(listed, unknown=unknown)).cte("left_over")
            bounds.append(select(func.count()).select_from(left).scalar_subquery() <= MANY)
            row = select(products).where(products.c.id == left.c.id).offset(0).lateral("row")
            joined = left.join(row, true())
        passing = select(row.c.id, row.c[self._column.name]).select_from(joined)
        passing = passing.where(*bounds, *self._narrowing.cheap(row), *self._within(row, after, None))
        if self._narrowing.dear(row, besides):
            row = self._in_order(passing, row).offset(0).subquery("passing")
            passing = select(row.c.id).where(*self._narrowing.dear(row, besides))
        page = self._sold(self._in_order(passing, row)).subquery("whole")
        within = select(and_(*bounds).label("within")).subquery("size")
        whole = self._in_order(select(within, page).select_from(within.outerjoin(page, true())), page)
        rows = self._database.read(whole).all()
        return [row for row in rows if row.id is not None] if rows[0].within else None

    def _place(self, after: list[Any] | None, size: int) -> list[Any] | None:
        """The place of the row so many rows further on, if there is one."""
        rows = self._rows
        ahead = self._in_order(select(rows.c[self._column.name], rows.c.id).where(*self._range(after)), rows)
        found = self._database.read(ahead.limit(1).offset(size - 1)).one_or_none()
        return None if found is None else list(found)

    def _between(self, after: list[Any] | None, until: list[Any] | None) -> Select[Any]:
        """What passes in a range, its end included."""
        rows = self._rows
        passing = self._narrowing.conditions(rows, self._along)
        return self._in_order(select(rows.c.id).where(*self._range(after, until), *passing), rows)

    def _range(self, after: list[Any] | None, until: list[Any] | None = None) -> list[ColumnElement[bool]]:
        return [*self._along.values(), *self._within(self._rows, after, until)]

    def _within(self, row: FromClause, after: list[Any] | None, until: list[Any] | None) -> list[ColumnElement[bool]]:
        place, found = tuple_(row.c[self._column.name], row.c.id), []
        if after is not None:
            found.append(place < tuple_(*after) if self._falling else place > tuple_(*after))
        if until is not None:
            found.append(place >= tuple_(*until) if self._falling else place <= tuple_(*until))
        return found

    def _in_order(self, statement: Select[Any], row: FromClause) -> Select[Any]:
        key = row.c[self._column.name]
        return statement.order_by(key.desc(), row.c.id.desc()) if self._falling else statement.order_by(key, row.c.id)

    def _whole(self, ids: Select[Any]) -> Sequence[Product]:
        return self._database.read(self._in_order(self._sold(ids), products)).all()

    def _sold(self, ids: Select[Any]) -> Select[Any]:
        """The rows of the first of these ids. Asked for all at once, Postgres reckons what is in stock of every
        product, and sorts whole rows."""
        page = ids.limit(self._limit).subquery("page")
        return SOLD.join(page, page.c.id == products.c.id)
