"""The chunks of an import: read, checked and applied to the goods as they stand, in a thread with a connection of its
own, while Postgres is at work on the one before. No more than two are held at once.
"""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

import psycopg

from eatit.database import Database
from eatit.errors import Unavailable
from store.import_digests import Digests
from store.import_files import Text
from store.import_goods import Wanted
from store.import_known import known_rows
from store.import_prepared import Prepared, prepare
from store.import_records import Record, records
from store.import_rows import Plan, Row, RowError, defaults, read_row, required_fields

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


@dataclass(frozen=True, slots=True)
class Ready:
    """A chunk read and checked, and what its rows want as far as that can be said beforehand."""

    chunk: Chunk
    prepared: Prepared | None


def work_off(plan: Plan, text: Text, *, rows: int, write: Callable[[Ready], bool]) -> bool:
    """Give `write` chunk by chunk what follows in the text, of which `rows` records were read already, until it says
    no → whether the text is at its end.

    What is known and what stands is asked for while the chunk ahead is written: products that this one changes are
    `write`'s to look after. Raises what reading raises, after all before it is written.
    """
    looks, thread = Database("store"), ThreadPoolExecutor(1, "import")
    chunks = _ready(looks, plan, text, rows)
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        in_time, coming = True, thread.submit(next, chunks, None)
        while (ready := coming.result()) is not None and in_time:
            coming = thread.submit(next, chunks, None)
            in_time = write(ready)
        return ready is None
    finally:
        thread.shutdown(cancel_futures=True)
        sys.setswitchinterval(before)
        looks.close()


def wanted(chunk: Chunk) -> list[Wanted]:
    """What the chunk's sound rows want."""
    return [
        Wanted(item.number, item.told.given, item.told.category, item.told.unit, item.digest)
        for item in chunk
        if isinstance(item.told, Row)
    ]


def read_again(plan: Plan, item: Item) -> Item:
    """The item with what its row says, known or not."""
    return Item(item.end, item.read, item.number, item.record, item.digest, read_row(plan, item.record, item.number))


def _ready(looks: Database, plan: Plan, text: Text, rows: int) -> Iterator[Ready]:
    digests = Digests(plan)
    for chunk in _chunks(plan, digests, text, rows):
        known = _known(looks, *_codes(digests, chunk))
        for item in chunk:
            product_id = known.get(item.digest)
            item.told = Known(product_id) if product_id else read_row(plan, item.record, item.number)
        yield Ready(chunk, _prepared(looks, chunk))


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


def _known(database: Database, skus: list[str], barcodes: list[str]) -> dict[bytes, UUID]:
    try:
        return known_rows(database, skus, barcodes)
    except (Unavailable, psycopg.Error):
        # Where the server is merely busy, the rows are read as any others, and their chunk is written in pieces.
        return {}


def _prepared(database: Database, chunk: Chunk) -> Prepared | None:
    rows = wanted(chunk)
    if not rows:
        return None
    try:
        return prepare(database.rows, rows, required=required_fields(), defaults=defaults())
    except (Unavailable, psycopg.Error):
        # Whatever it is, the chunk's own transaction meets it too, and knows what to do.
        return None


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
