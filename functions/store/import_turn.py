"""One turn of an import: from the place where it stands, chunk by chunk, until the time is up or the file is."""

import csv
import io
import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import orjson
import psycopg
from psycopg import errors as postgres
from sqlalchemy.exc import DBAPIError

from eatit.database import Transaction
from eatit.errors import Unavailable
from eatit.observability import logger
from eatit.settings import settings
from store import fresh, imports
from store.database import cache, database
from store.formulas import guarded
from store.import_answers import detail_of
from store.import_chunks import Chunk, Item, Known, Ready, read_again, wanted, work_off
from store.import_files import FileMissing, Parts, Text, UnusableFile, errors_key, upload_key
from store.import_prepared import Prepared
from store.import_records import Form, find_form, kept_form
from store.import_rows import Plan, RowError, defaults, plan_of, required_fields, row_error
from store.import_upsert import Entangled, upsert
from store.imports import MAX_SIZE, Overtaken, Run

LEAST_ROWS = 50
MAX_ERRORS = 1_000_000
TRIES = 6
# Somebody else wrote the same at this very moment: seen from a new beginning it is a fault of the row, or none.
_CROSSED = (
    postgres.UniqueViolation,
    postgres.ForeignKeyViolation,
    postgres.DeadlockDetected,
    postgres.SerializationFailure,
)
ERROR_COLUMNS = ("row", "column", "code", "detail")

__all__ = ["Overtaken", "give_up", "run"]


class _Turn:
    """A held run and the place that it has come to."""

    def __init__(self, held: Run, holder: UUID) -> None:
        self.run = held
        self.holder = holder
        self.place: int = held.place
        self.rows: int = held.rows
        self.faults: int = held.faults
        # What the chunk before this one changed, and this one so far: known rows may mean the same products.
        self.before: set[UUID] = set()
        self.changed: set[UUID] = set()

    def text(self, place: int) -> Text:
        return Text(upload_key(self.run.id), self.run.size, MAX_SIZE, place)


def run(import_id: UUID, number: int, holder: UUID, *, until: float) -> bool:
    """Do the turn of this number until `until` (`time.monotonic`) at the latest; false: it was done already.

    Raises `Overtaken`, `Unavailable`.
    """
    held = imports.take(database, import_id, number, holder)
    if held is None:
        return False
    turn = _Turn(held, holder)
    try:
        if not _work(turn, until):
            database.transaction(lambda transaction: imports.end_turn(transaction, import_id, holder))
            return True
        reason = None
    except UnusableFile as error:
        reason = error.reason
    except FileMissing:
        reason = "upload_missing"
    if turn.faults:
        write_errors(import_id)
    imports.finish(database, import_id, holder, reason)
    logger.info("import ended", run=str(import_id), rows=turn.rows, reason=reason)
    return True


def give_up(import_id: UUID, holder: UUID) -> None:
    """End a run that broke on something nobody foresaw. Raises `Overtaken`, `Unavailable`."""
    imports.finish(database, import_id, holder, "internal_error")


def _work(turn: _Turn, until: float) -> bool:
    """Go on → whether the file is at its end."""
    form = _form(turn)
    plan = plan_of(form, turn.run.mapping)
    if isinstance(plan, list):
        _refuse_header(turn, plan)
        raise UnusableFile("bad_header")

    def write(ready: Ready) -> bool:
        turn.before, turn.changed = turn.changed, set()
        _commit(turn, plan, ready.chunk, ready.prepared)
        return time.monotonic() < until

    if not work_off(plan, turn.text(turn.place), rows=turn.rows, write=write):
        return False
    if not turn.rows and not form.delimiter:
        raise UnusableFile("empty_file")
    return True


def _form(turn: _Turn) -> Form:
    if turn.run.form is not None:
        return kept_form(turn.run.form)
    mapping = turn.run.mapping
    form = find_form(
        turn.text(0).blocks(),
        turn.run.content_type,
        encoding=mapping.get("encoding"),
        delimiter=mapping.get("delimiter"),
    )
    imports.keep_form(database, turn.run, turn.holder, form.kept(), form.start)
    turn.place = form.start
    return form


def _refuse_header(turn: _Turn, wrong: Sequence[RowError]) -> None:
    def work(transaction: Transaction) -> None:
        imports.report(transaction, turn.run.id, [_reported(error) for error in wrong])
        counts = {"faults": len(wrong)}
        imports.advance(transaction, turn.run.id, turn.holder, start=turn.place, end=turn.place, read=0, counts=counts)

    database.transaction(work)
    turn.faults += len(wrong)


def _commit(turn: _Turn, plan: Plan, chunk: Chunk, prepared: Prepared | None = None) -> None:
    """Write a chunk and the place behind it. What the database refuses costs the row that has it alone."""
    for attempt in range(1, TRIES + 1):
        try:
            _write(turn, plan, chunk, prepared)
            break
        except Unavailable as error:
            if len(chunk) <= LEAST_ROWS:
                raise
            # Too much for a busy server's time limits, perhaps. If it was committed after all, the place has moved:
            # then the message must come again, since this turn no longer knows where the run stands.
            try:
                _commit_halves(turn, plan, chunk)
            except Overtaken:
                raise Unavailable(what="database") from error
            return
        except (DBAPIError, psycopg.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            if isinstance(cause, _CROSSED) and attempt < TRIES:
                time.sleep(0.02 * attempt)
                continue
            if not isinstance(cause, postgres.DataError | postgres.IntegrityError):
                raise
            if len(chunk) > 1:
                _commit_halves(turn, plan, chunk)
                return
            logger.warning("row refused by the database", run=str(turn.run.id), kind=type(cause).__name__)
            (item,) = chunk
            refused = [RowError(item.number, None, "unstorable", {})]
            chunk = [replace(item, told=refused)]
            _write(turn, plan, chunk)
            break
    if turn.faults > MAX_ERRORS:
        raise UnusableFile("too_many_errors")


def _commit_halves(turn: _Turn, plan: Plan, chunk: Chunk) -> None:
    half = len(chunk) // 2
    _commit(turn, plan, chunk[:half])
    _commit(turn, plan, chunk[half:])


def _write(turn: _Turn, plan: Plan, chunk: Chunk, prepared: Prepared | None = None) -> None:
    overtaken = turn.before | turn.changed
    if any(isinstance(item.told, Known) and item.told.product_id in overtaken for item in chunk):
        # Known by what its product was before this file changed it.
        chunk, prepared = [_as_it_is_now(plan, item, overtaken) for item in chunk], None
    sound = wanted(chunk)
    known = {item.told.product_id for item in chunk if isinstance(item.told, Known)}
    as_they_were = sum(isinstance(item.told, Known) for item in chunk)
    stale: list[str] = []

    def work(transaction: Transaction) -> tuple[int, list[UUID]]:
        outcome = upsert(
            transaction,
            sound,
            required=required_fields(),
            defaults=defaults(),
            dry_run=turn.run.dry_run,
            known=known,
            prepared=prepared,
        )
        wrong = [error for item in chunk if isinstance(item.told, list) for error in item.told]
        wrong += [row_error(plan, number, fault) for number, faults in outcome.refused for fault in faults]
        wrong.sort(key=lambda error: error.row)
        if wrong:
            imports.report(transaction, turn.run.id, [_reported(error) for error in wrong])
        imports.advance(
            transaction,
            turn.run.id,
            turn.holder,
            start=turn.place,
            end=chunk[-1].end,
            read=chunk[-1].read,
            counts={
                "rows": len(chunk),
                "created": outcome.created,
                "updated": outcome.updated,
                "unchanged": outcome.unchanged + as_they_were,
                "failed": len(chunk) - len(sound) - as_they_were + len(outcome.refused),
                "faults": len(wrong),
            },
        )
        if not turn.run.dry_run and (outcome.created or outcome.changed):
            stale[:] = fresh.product_keys(*outcome.changed)
            cache.invalidate(stale)
        return len(wrong), outcome.changed

    try:
        found, changed = database.transaction(work)
    except Entangled:
        _write(turn, plan, [read_again(plan, item) for item in chunk])
        return
    finally:
        if stale:
            cache.invalidate(stale)
    turn.place = chunk[-1].end
    turn.rows += len(chunk)
    turn.faults += found
    turn.changed.update(changed)


def _as_it_is_now(plan: Plan, item: Item, overtaken: set[UUID]) -> Item:
    return read_again(plan, item) if isinstance(item.told, Known) and item.told.product_id in overtaken else item


def _reported(error: RowError) -> tuple[int, str | None, str, str]:
    return error.row, error.column, error.code, orjson.dumps(error.parameters, default=str).decode()


def write_errors(import_id: UUID) -> None:
    """Write all errors of a run as a CSV, in the shop's own language. Raises `Unavailable`."""
    language = settings().default_language
    parts = Parts(errors_key(import_id))
    parts.add((",".join(ERROR_COLUMNS) + "\r\n").encode())
    after = 0
    while rows := imports.errors_of(database, import_id, after=after):
        out = io.StringIO(newline="")
        csv.writer(out).writerows(
            [row.row, guarded(row.column), row.code, detail_of(row.code, row.parameters, language)] for row in rows
        )
        parts.add(out.getvalue().encode())
        after = rows[-1].id
    parts.end()
