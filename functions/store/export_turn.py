"""One turn of an export: pages of products into parts of the file, until the time is up or the catalogue is."""

import time
from uuid import UUID

from eatit.observability import logger
from eatit.settings import settings
from store import exports
from store.database import database
from store.exports import Overtaken
from store.import_files import Parts, export_key

__all__ = ["Overtaken", "give_up", "run"]


def run(export_id: UUID, number: int, holder: UUID, *, until: float) -> bool:
    """Do the turn of this number until about `until` (`time.monotonic`); false: it was done already.

    Raises `Overtaken`, `Unavailable`.
    """
    held = exports.take(database, export_id, number, holder)
    if held is None:
        return False
    language = settings().default_language
    parts = Parts(export_key(export_id), held.upload_id, held.parts, held.numbers - exports.TURN_PARTS + 1)
    written = len(parts.standing)
    rows, after = held.rows, held.after_id
    if after is None:
        parts.add(exports.header_of(language))
    while page := exports.page_after(database, after):
        rows, after = rows + len(page), page[-1].id
        if parts.add(exports.csv_of(page, language)):
            exports.keep(
                database, export_id, holder, rows=rows, after=after, upload_id=parts.upload_id, parts=parts.standing
            )
            if time.monotonic() >= until or len(parts.standing) - written >= exports.TURN_PARTS - 1:
                database.transaction(lambda transaction: exports.end_turn(transaction, export_id, holder))
                return True
    parts.end()
    exports.finish(database, export_id, holder, rows, None)
    logger.info("export ended", run=str(export_id), rows=rows)
    return True


def give_up(export_id: UUID, holder: UUID) -> None:
    """End a run that broke on something nobody foresaw. Raises `Overtaken`, `Unavailable`."""
    exports.finish(database, export_id, holder, 0, "internal_error")
