"""The chunks of an import: read and checked in a thread of their own while Postgres is at work on the one before.

No more than three are held at once: one that is written, one that is checked, one that is read.
"""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from eatit.database import Database
from store.import_digests import Digests
from store.import_files import Text
from store.import_known import known_rows
from store.import_records import Record, records
from store.import_rows import Plan, Row, RowError, read_row

CHUNK_ROWS = 1000
CHUNK_BYTES = 4 * 1024 * 1024
# A thread that waits for the interpreter gets it after so long: five milliseconds, which are usual, at each of a
# chunk's ten statements would be a third of its time.
SWITCH_SECONDS = 0.0005


@dataclass(frozen=True, slots=True)
class Known:
    """A row that says of its product what it said before."""

    product_id: UUID


@dataclass(slots=True)
class Item:
    """A record read: where it ends, how many bytes of the object were read by then, what it says, and its digest."""

    end: int
    read: int
    number: int
    record: Record
    digest: bytes
    told: "Row | Known | list[RowError]"


Chunk = list[Item]


def work_off(database: Database, plan: Plan, text: Text, *, rows: int, write: Callable[[Chunk], bool]) -> bool:
    """Give `write` chunk by chunk what follows in the text, of which `rows` records were read already, until it says
    no → whether the text is at its end.

    What is known is asked for before the chunk ahead is written: products that this one changes are `write`'s to look
    after. Raises what reading raises, after all before it is written.
    """
    digests, thread = Digests(plan), ThreadPoolExecutor(1, "import")
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        return _work_off(database, plan, digests, _chunks(plan, digests, text, rows), thread, write)
    finally:
        thread.shutdown(cancel_futures=True)
        sys.setswitchinterval(before)


def _work_off(
    database: Database,
    plan: Plan,
    digests: Digests,
    chunks: Iterator[Chunk],
    thread: ThreadPoolExecutor,
    write: Callable[[Chunk], bool],
) -> bool:
    reading = thread.submit(next, chunks, None)
    checking: Future[Chunk] | None = None
    while True:
        failure, ahead = reading.exception(), None
        if failure is None and (ahead := reading.result()):
            known = known_rows(database, *_codes(digests, ahead))
            following = thread.submit(_check, plan, ahead, known)
            reading = thread.submit(next, chunks, None)
        in_time = checking is None or write(checking.result())
        if failure is not None:
            raise failure
        if not ahead:
            return True
        if not in_time:
            return False
        checking = following


def read_again(plan: Plan, item: Item) -> Item:
    """The item with what its row says, known or not."""
    return Item(item.end, item.read, item.number, item.record, item.digest, read_row(plan, item.record, item.number))


def _chunks(plan: Plan, digests: Digests, text: Text, rows: int) -> Iterator[Chunk]:
    chunk: Chunk = []
    number, start = rows + (1 if plan.form.delimiter else 0), text.place
    for record in records(text.blocks(), plan.form, start):
        number += 1
        # A plain file is read a block ahead of its rows; of gzip the rows soon end behind all that it has bytes.
        read = min(text.consumed, record.end)
        chunk.append(Item(record.end, read, number, record, digests.of(record), []))
        if len(chunk) >= CHUNK_ROWS or record.end - start >= CHUNK_BYTES:
            yield chunk
            chunk, start = [], record.end
    if chunk:
        yield chunk


def _codes(digests: Digests, chunk: Chunk) -> tuple[list[str], list[str]]:
    skus, barcodes = [], []
    for item in chunk:
        if not item.record.whole:
            continue
        if sku := digests.code(item.record, "sku"):
            skus.append(sku)
        elif barcode := digests.code(item.record, "barcode"):
            barcodes.append(barcode)
    return skus, barcodes


def _check(plan: Plan, chunk: Chunk, known: dict[bytes, UUID]) -> Chunk:
    for item in chunk:
        product_id = known.get(item.digest)
        item.told = Known(product_id) if product_id else read_row(plan, item.record, item.number)
    return chunk
