"""One turn of an export: pages of products into parts of the file, until the time is up or the catalogue is."""

import time
from uuid import UUID

from eatit.files import UploadEnded
from eatit.observability import logger
from eatit.settings import settings
from store import exports
from store.database import database
from store.exports import TURN_PARTS, Overtaken
from store.import_files import Parts, export_key

__all__ = ["Overtaken", "give_up", "run"]


def run(export_id: UUID, number: int, holder: UUID, *, until: float) -> bool:
    """Do the turn of this number until about `until` (`time.monotonic`); false: it was done already.

    Raises `Overtaken`, `Unavailable`.
    """
    held = exports.take(database, export_id, number, holder)
    if held is None:
        return False
    first = held.numbers - TURN_PARTS + 1
    parts = Parts(export_key(export_id), held.upload_id, held.parts, first)
    try:
        _work(export_id, holder, parts, held.rows, held.after_id, until)
    except UploadEnded:
        # One who was overtaken still made a file of its own parts: this one begins anew, with an upload of its own.
        exports.keep(database, export_id, holder, rows=0, after=None, upload_id=None, parts=[])
        _work(export_id, holder, Parts(export_key(export_id)), 0, None, until)
    return True


def _work(export_id: UUID, holder: UUID, parts: Parts, rows: int, after: UUID | None, until: float) -> None:
    language = settings().default_language
    written = len(parts.standing)
    if after is None:
        parts.add(exports.header_of(language))
    while page := exports.page_after(database, after):
        rows, after = rows + len(page), page[-1].id
        if parts.add(exports.csv_of(page, language)):
            exports.keep(
                database, export_id, holder, rows=rows, after=after, upload_id=parts.upload_id, parts=parts.standing
            )
            if time.monotonic() >= until or len(parts.standing) - written >= TURN_PARTS - 1:
                database.transaction(lambda transaction: exports.end_turn(transaction, export_id, holder))
                return
    parts.end()
    exports.finish(database, export_id, holder, rows, None)
    logger.info("export ended", run=str(export_id), rows=rows)


def give_up(export_id: UUID, holder: UUID) -> None:
    """End a run that broke on something nobody foresaw. Raises `Overtaken`, `Unavailable`."""
    exports.finish(database, export_id, holder, 0, "internal_error")
