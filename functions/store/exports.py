"""Runs of exports: the whole catalogue as a CSV with the columns of an import, written in turns.

Products come in the order of their ids, so one that is made meanwhile is in it or isn't, and none is in it twice. What
stands is noted whenever a part of the file is whole, and whoever goes on begins there.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, func, insert, select, update

from eatit.database import Database, Transaction
from eatit.errors import NotFound
from eatit.events import EXPORT_ADVANCED
from eatit.identifiers import uuid7
from eatit.money import decimal_text, quantity_text
from eatit.observability import trace_id
from eatit.outbox import emit
from store.catalogue import NUTRIENTS
from store.formulas import guarded
from store.tables import categories, exports, products, units

Run = Row[Any]

WORDS = ("name", "description", "composition", "storage_conditions")
LANGUAGES = ("ru", "en")
PAGE = 1000
# Each holder numbers its parts for itself, or one who was overtaken might write over what stands; S3 has 10,000.
TURN_PARTS = 50
NOBODY = UUID(int=0)

_one = select(exports).where(exports.c.id == bindparam("id"))
_held = (exports.c.id == bindparam("run"), exports.c.holder == bindparam("me"), exports.c.status == "running")
_take = (
    update(exports)
    .where(exports.c.id == bindparam("run"), exports.c.turn == bindparam("told"), exports.c.status == "running")
    .values(holder=bindparam("me"), numbers=exports.c.numbers + TURN_PARTS, updated_at=func.now())
    .returning(exports)
)
_page = (
    select(products, categories.c.slug.label("category"), units.c.code.label("unit"))
    .join(categories, categories.c.id == products.c.category_id)
    .join(units, units.c.id == products.c.unit_id)
    .where(products.c.id > bindparam("after"))
    .order_by(products.c.id)
    .limit(PAGE)
)


class Overtaken(Exception):
    """Somebody else holds the run by now."""


def columns(language: str) -> list[str]:
    """The header of an export of a shop whose default language this is."""
    others = [f"{word}_{other}" for other in LANGUAGES if other != language for word in WORDS]
    amounts = ["pack_size", "quantity_step", "min_quantity", "max_quantity", "low_stock_at", "price", "currency"]
    nutrition = [f"nutrition_{name}" for name in NUTRIENTS]
    rest = ["sold_by", *nutrition, "allergens", "status"]
    return ["sku", "barcode", *WORDS, *others, "category", "unit", *amounts, *rest]


def csv_of(rows: Iterable[Any], language: str) -> bytes:
    """Products as lines of CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows(map(guarded, _cells(row, language)) for row in rows)
    return out.getvalue().encode()


def header_of(language: str) -> bytes:
    """The first line."""
    return (",".join(columns(language)) + "\r\n").encode()


def _cells(row: Any, language: str) -> list[str | int | None]:
    others = [row.translations.get(other, {}) for other in LANGUAGES if other != language]
    nutrition = row.nutrition or {}
    return [
        row.sku,
        row.barcode,
        *(getattr(row, word) for word in WORDS),
        *(told.get(word) for told in others for word in WORDS),
        row.category,
        row.unit,
        decimal_text(row.pack_size),
        quantity_text(row.quantity_step),
        quantity_text(row.min_quantity),
        None if row.max_quantity is None else quantity_text(row.max_quantity),
        None if row.low_stock_at is None else quantity_text(row.low_stock_at),
        row.price_amount,
        row.currency,
        row.sold_by,
        *(nutrition.get(name) for name in NUTRIENTS),
        ",".join(row.allergens),
        row.status,
    ]


def create_export(transaction: Transaction, actor_id: UUID) -> Run:
    """A run, begun."""
    statement = insert(exports).values(id=uuid7(), actor_id=actor_id, trace_id=trace_id()).returning(exports)
    row = transaction.execute(statement).one()
    _tell(transaction, row.id, row.turn)
    return row


def export_by_id(database: Database, export_id: UUID) -> Run:
    """The run. Raises `NotFound`."""
    row = database.read(_one, {"id": export_id}).one_or_none()
    if row is None:
        raise NotFound
    return row


def take(database: Database, export_id: UUID, turn: int, holder: UUID) -> Run | None:
    """The run, held by `holder` from now on; `None` when this turn of it is over."""
    return database.write(_take, {"run": export_id, "told": turn, "me": holder}).one_or_none()


def page_after(database: Database, after: UUID | None) -> Sequence[Any]:
    """The next products, a thousand at most."""
    return database.read(_page, {"after": after or NOBODY}).all()


def keep(
    database: Database,
    export_id: UUID,
    holder: UUID,
    *,
    rows: int,
    after: UUID | None,
    upload_id: str | None,
    parts: list[tuple[int, str]],
) -> None:
    """Note what of the file stands. Raises `Overtaken`."""
    told = {"rows": rows, "after_id": after, "upload_id": upload_id, "parts": parts}
    statement = update(exports).where(*_held).values(**told, updated_at=func.now())
    if database.write(statement, {"run": export_id, "me": holder}).rowcount != 1:
        raise Overtaken


def end_turn(transaction: Transaction, export_id: UUID, holder: UUID) -> None:
    """Let go of a run that isn't at its end, and tell that another turn is to be done. Raises `Overtaken`."""
    statement = update(exports).where(*_held).values(turn=exports.c.turn + 1, holder=None).returning(exports.c.turn)
    turn = transaction.execute(statement, {"run": export_id, "me": holder}).scalar_one_or_none()
    if turn is None:
        raise Overtaken
    _tell(transaction, export_id, turn)


def finish(database: Database, export_id: UUID, holder: UUID, rows: int, reason: str | None) -> None:
    """The run is done, or failed for this reason. Raises `Overtaken`."""
    ended = {"status": "failed" if reason else "done", "reason": reason, "holder": None, "rows": rows}
    statement = update(exports).where(*_held).values(**ended, updated_at=func.now(), finished_at=func.now())
    if database.write(statement, {"run": export_id, "me": holder}).rowcount != 1:
        raise Overtaken


def _tell(transaction: Transaction, export_id: UUID, turn: int) -> None:
    emit(transaction, EXPORT_ADVANCED, export_id, turn, {"id": str(export_id), "turn": turn})
