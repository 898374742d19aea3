"""Runs of imports: begun by staff, moved on in turns by whoever holds them, each chunk and its place in one commit.

A turn belongs to its message: of one delivered twice at once the later takes the run over, and the earlier's next chunk
finds that it holds nothing any more. So no row is done twice, and a killed process leaves nothing to wait for.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, func, insert, select, update

from eatit.database import Database, Transaction
from eatit.errors import Conflict, NotFound
from eatit.events import IMPORT_ADVANCED
from eatit.identifiers import uuid7
from eatit.observability import trace_id
from eatit.outbox import emit
from store.tables import import_errors, imports

Run = Row[Any]

MAX_SIZE = 2 * 1024**3
SHOWN_ERRORS = 1000
# A run that nobody moved for so long is told again when its file is said to be complete again.
FORGOTTEN_AFTER = timedelta(minutes=10)

_one = select(imports).where(imports.c.id == bindparam("id"))
_one_locked = _one.with_for_update()
_errors = (
    select(import_errors)
    .where(import_errors.c.import_id == bindparam("id"), import_errors.c.id > bindparam("after"))
    .order_by(import_errors.c.id)
    .limit(bindparam("limit"))
)
_held = (imports.c.id == bindparam("run"), imports.c.holder == bindparam("me"), imports.c.status == "running")
_take = (
    update(imports)
    .where(imports.c.id == bindparam("run"), imports.c.turn == bindparam("told"), imports.c.status == "running")
    .values(holder=bindparam("me"), updated_at=func.now())
    .returning(imports)
)
_advance = update(imports).where(*_held, imports.c.place == bindparam("start"))
_report = 'COPY store.import_errors (import_id, "row", "column", code, parameters) FROM STDIN'


class Overtaken(Exception):
    """Somebody else holds the run by now."""


def create_import(
    transaction: Transaction, *, content_type: str, size: int, dry_run: bool, mapping: dict[str, Any], actor_id: UUID
) -> Run:
    """A run that waits for its file."""
    values = {"content_type": content_type, "size": size, "dry_run": dry_run, "mapping": mapping}
    statement = insert(imports).values(id=uuid7(), actor_id=actor_id, trace_id=trace_id(), **values).returning(imports)
    return transaction.execute(statement).one()


def import_by_id(database: Database, import_id: UUID) -> Run:
    """The run. Raises `NotFound`."""
    row = database.read(_one, {"id": import_id}).one_or_none()
    if row is None:
        raise NotFound
    return row


def start(transaction: Transaction, import_id: UUID, size: int | None) -> Run:
    """The file is there, with `size` bytes; `None`: it isn't. Said again, it changes nothing, unless the run was
    forgotten. Raises `NotFound`, `Conflict` (`upload_missing`)."""
    row = transaction.execute(_one_locked, {"id": import_id}).one_or_none()
    if row is None:
        raise NotFound
    changed = update(imports).where(imports.c.id == import_id).returning(imports)
    if row.status == "waiting":
        if size is None:
            raise Conflict("upload_missing")
        if size != row.size:
            failed = changed.values(
                status="failed", reason="size_mismatch", updated_at=func.now(), finished_at=func.now()
            )
            return transaction.execute(failed).one()
        row = transaction.execute(changed.values(status="running", updated_at=func.now())).one()
        _tell(transaction, row.id, row.turn)
    elif row.status == "running":
        forgotten = imports.c.updated_at < func.now() - FORGOTTEN_AFTER
        told = transaction.execute(
            changed.where(forgotten).values(turn=imports.c.turn + 1, updated_at=func.now())
        ).one_or_none()
        if told is not None:
            row = told
            _tell(transaction, row.id, row.turn)
    return row


def errors_of(database: Database, import_id: UUID, *, after: int = 0, limit: int = SHOWN_ERRORS) -> Sequence[Row[Any]]:
    """A run's errors in the order they were found, from behind the one with the id `after`."""
    return database.read(_errors, {"id": import_id, "after": after, "limit": limit}).all()


def take(database: Database, import_id: UUID, turn: int, holder: UUID) -> Run | None:
    """The run, held by `holder` from now on; `None` when this turn of it is over."""
    return database.write(_take, {"run": import_id, "told": turn, "me": holder}).one_or_none()


def keep_form(database: Database, run: Run, holder: UUID, form: dict[str, Any], place: int) -> None:
    """Note how the file is written, and where its records begin. Raises `Overtaken`."""
    statement = _advance.values(form=form, place=place, updated_at=func.now())
    if database.write(statement, {"run": run.id, "me": holder, "start": run.place}).rowcount != 1:
        raise Overtaken


def advance(
    transaction: Transaction, import_id: UUID, holder: UUID, *, start: int, end: int, read: int, counts: dict[str, int]
) -> None:
    """Note in the chunk's own transaction what became of the rows between two places. Raises `Overtaken`."""
    grown = {name: imports.c[name] + count for name, count in counts.items()}
    statement = _advance.values(place=end, bytes_read=read, updated_at=func.now(), **grown)
    if transaction.execute(statement, {"run": import_id, "me": holder, "start": start}).rowcount != 1:
        raise Overtaken


def report(transaction: Transaction, import_id: UUID, errors: Sequence[tuple[int, str | None, str, str]]) -> None:
    """Write errors down: row, column, code, and parameters as JSON."""
    transaction.copy(_report, ([import_id, *error] for error in errors))


def end_turn(transaction: Transaction, import_id: UUID, holder: UUID) -> None:
    """Let go of a run that isn't at its end, and tell that another turn is to be done. Raises `Overtaken`."""
    statement = update(imports).where(*_held).values(turn=imports.c.turn + 1, holder=None).returning(imports.c.turn)
    turn = transaction.execute(statement, {"run": import_id, "me": holder}).scalar_one_or_none()
    if turn is None:
        raise Overtaken
    _tell(transaction, import_id, turn)


def finish(database: Database, import_id: UUID, holder: UUID, reason: str | None) -> None:
    """The run is done, or failed for this reason. Raises `Overtaken`."""
    ended = {"status": "failed" if reason else "done", "reason": reason, "holder": None}
    statement = update(imports).where(*_held).values(**ended, updated_at=func.now(), finished_at=func.now())
    if database.write(statement, {"run": import_id, "me": holder}).rowcount != 1:
        raise Overtaken


def _tell(transaction: Transaction, import_id: UUID, turn: int) -> None:
    emit(transaction, IMPORT_ADVANCED, import_id, turn, {"id": str(import_id), "turn": turn})
