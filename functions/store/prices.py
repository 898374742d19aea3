"""What prices were: the history that the database writes, and the lowest of thirty days."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select, text

from eatit.database import Database
from eatit.errors import NotFound
from eatit.paging import make_cursor, page_of, read_cursor
from store.tables import prices, products

Price = Row[Any]

_present = select(products.c.status, products.c.price_amount, products.c.currency).where(
    products.c.id == bindparam("product")
)
_history = select(prices).where(prices.c.product_id == bindparam("product")).order_by(prices.c.since.desc())
# A price held until the next one came, so one that began before the window may have held in it.
_lowest = text("""
    WITH held AS (
        SELECT amount, since, lead(since) OVER (ORDER BY since) AS until
        FROM store.prices WHERE product_id = :product
    ), present AS (SELECT max(since) AS since FROM held)
    SELECT
        (SELECT min(amount) FROM held WHERE coalesce(until, now()) > now() - interval '30 days') AS lowest,
        (SELECT min(amount) FROM held, present
            WHERE until <= present.since AND until > present.since - interval '30 days') AS prior
""")


@dataclass(frozen=True, slots=True)
class History:
    """A page of prices in minor units, the newest first; the lowest that held in the last thirty days, and in the
    thirty days before the present price, `None` where there was no other."""

    rows: list[Price]
    next_cursor: str | None
    lowest: int
    prior: int | None
    currency: str


def history_of(database: Database, product_id: UUID, *, staff: bool, limit: int, cursor: str | None) -> History:
    """The prices of a product; for anyone but staff of active ones only. Raises `NotFound`, `DomainError`
    (`invalid_cursor`)."""
    present = database.read(_present, {"product": product_id}).one_or_none()
    if present is None or (present.status != "active" and not staff):
        raise NotFound("product_not_found")
    filters = {"product": product_id}
    statement = _history
    if cursor is not None:
        (after,) = read_cursor(cursor, "-since", filters, [datetime.fromisoformat])  # type: ignore[list-item]
        statement = statement.where(prices.c.since < after)
    rows, more = page_of(database.read(statement.limit(limit + 1), {"product": product_id}).all(), limit)
    told = database.read(_lowest, {"product": product_id}).one()
    lowest = present.price_amount if told.lowest is None else told.lowest
    following = make_cursor("-since", filters, [rows[-1].since.isoformat()]) if more else None
    return History(list(rows), following, lowest, told.prior, present.currency)
