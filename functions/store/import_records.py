"""The records of a file that somebody else wrote: CSV and JSON Lines, read line by line, each with the place behind it.

Nothing here holds more than one record, and no record may be longer than a mebibyte: what is longer is skipped and
told. A quote that is never closed costs its own line alone.
"""

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from eatit.errors import Fault
from store.import_files import UnusableFile

MAX_ROW = 1024 * 1024
MAX_LINES = 1000
MAX_COLUMNS = 1000
ENCODINGS = ("utf-8", "windows-1251")
DELIMITERS = (",", ";", "\t")
JSON_LINES = "application/jsonl"
_BOMS = {codecs.BOM_UTF8: "utf-8"}
_OTHER_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_QUOTED = re.compile(r'"[^"]*"?')
TOO_LARGE = Fault("", "row_too_large", {"limit": MAX_ROW})

csv.field_size_limit(2 * MAX_ROW)


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is written. `header`: the columns of a CSV, none of JSON Lines; `start`: where its records begin."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    start: int

    def kept(self) -> dict[str, Any]:
        """For the database."""
        return {"encoding": self.encoding, "delimiter": self.delimiter, "header": self.header, "start": self.start}


@dataclass(slots=True)
class Record:
    """What stands between two places of a file: cells, an object, or what is wrong with it. `end` counts bytes of the
    text; `whole`: it holds neither NUL nor bytes that its encoding hasn't; `raw`: its bytes, where it can be read."""

    end: int
    content: "list[str] | dict[str, Any] | Fault"
    whole: bool = True
    raw: bytes = b""


class _Runaway(Exception):
    """A record that has grown beyond what any is."""


def kept_form(kept: dict[str, Any]) -> Form:
    """The form that `Form.kept` told."""
    return Form(kept["encoding"], kept["delimiter"], tuple(kept["header"]), kept["start"])


def find_form(blocks: Iterable[bytes], content_type: str, *, encoding: str | None, delimiter: str | None) -> Form:
    """How the file is written, by its first block and by what was said of it.

    Raises `UnusableFile`: `empty_file`, `unsupported_encoding`, `unreadable_header`, `too_many_columns`.
    """
    rest = iter(blocks)
    first = next(rest, b"")
    if first.startswith(_OTHER_BOMS):
        raise UnusableFile("unsupported_encoding")
    start = next((len(bom) for bom in _BOMS if first.startswith(bom)), 0)
    if content_type == JSON_LINES:
        return Form("utf-8", "", (), start)
    encoding = "utf-8" if start else encoding or _encoding_of(first)
    text = first[start:].decode(encoding, "replace")
    delimiter = delimiter or _delimiter_of(text)

    def behind() -> Iterator[bytes]:
        yield first[start:]
        yield from rest

    for record in records(behind(), Form(encoding, delimiter, (), start), start):
        if not isinstance(record.content, list) or not record.whole:
            raise UnusableFile("unreadable_header")
        if len(record.content) > MAX_COLUMNS:
            raise UnusableFile("too_many_columns")
        header = tuple(cell.strip() for cell in record.content)
        return Form(encoding, delimiter, header, record.end)
    raise UnusableFile("empty_file")


def _encoding_of(first: bytes) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(first)
    except UnicodeDecodeError:
        return "windows-1251"
    return "utf-8"


def _delimiter_of(text: str) -> str:
    line = _QUOTED.sub("", text.lstrip("\r\n").partition("\n")[0])
    return max(DELIMITERS, key=lambda delimiter: (line.count(delimiter), delimiter == ","))


def records(blocks: Iterable[bytes], form: Form, place: int) -> Iterator[Record]:
    """The records from `place` on, where the blocks begin."""
    lines = _lines(blocks)
    return _csv_records(lines, form, place) if form.delimiter else _json_records(lines, place)


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes | int]:
    """Each line with its end, whichever of LF, CRLF and CR it is; of one that is too long its length alone."""
    carried, skipped = b"", 0
    for block in blocks:
        lines = (carried + block).splitlines(keepends=True)
        carried = lines.pop() if lines else b""
        for line in lines:
            if skipped or len(line) > MAX_ROW:
                yield skipped + len(line)
                skipped = 0
            else:
                yield line
        if len(carried) > MAX_ROW:
            # Its last byte stays: a CR whose LF is still to come.
            skipped += len(carried) - 1
            carried = carried[-1:]
    if skipped:
        yield skipped + len(carried)
    elif carried:
        yield carried


class _Feed:
    """Lines for csv's reader, which takes as many as a record has."""

    def __init__(self, lines: Iterator[bytes | int], encoding: str) -> None:
        self._lines = lines
        self._encoding = encoding
        self.again: deque[bytes | int] = deque()
        self.taken: list[bytes] = []
        self.whole = True
        self.too_long = 0

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else next(self._lines)
        if isinstance(line, int):
            if self.taken:
                self.again.appendleft(line)
            else:
                self.too_long = line
            raise _Runaway
        self.taken.append(line)
        if len(self.taken) > 1 and (len(self.taken) > MAX_LINES or sum(map(len, self.taken)) > MAX_ROW):
            raise _Runaway
        try:
            text = line.decode(self._encoding)
        except UnicodeDecodeError:
            text, self.whole = line.decode(self._encoding, "surrogateescape"), False
        if "\0" in text:
            # Some versions of csv refuse a NUL and some don't; a lone surrogate is refused as it is.
            text, self.whole = text.replace("\0", "\ud800"), False
        return text


def _csv_records(lines: Iterator[bytes | int], form: Form, place: int) -> Iterator[Record]:
    feed = _Feed(lines, form.encoding)
    reader = csv.reader(feed, delimiter=form.delimiter, strict=True)
    while True:
        feed.taken, feed.whole, feed.too_long = [], True, 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _Runaway):
            if feed.too_long:
                place += feed.too_long
                yield Record(place, TOO_LARGE)
            elif feed.taken:
                # Most likely a stray quote: the lines behind its own are read for themselves.
                first, *others = feed.taken
                feed.again.extendleft(reversed(others))
                place += len(first)
                yield Record(place, Fault("", "unreadable_row"))
            reader = csv.reader(feed, delimiter=form.delimiter, strict=True)
            continue
        raw = b"".join(feed.taken) if len(feed.taken) > 1 else feed.taken[0]
        place += len(raw)
        if cells:
            yield Record(place, cells, feed.whole, raw)


def _json_records(lines: Iterator[bytes | int], place: int) -> Iterator[Record]:
    from eatit.http.bodies import UnreadableBody, read_json

    for line in lines:
        if isinstance(line, int):
            place += line
            yield Record(place, TOO_LARGE)
            continue
        place += len(line)
        text = line.strip()
        if not text:
            continue
        try:
            value = read_json(text)
        except UnreadableBody:
            value = None
        if isinstance(value, dict):
            yield Record(place, value, raw=line)
        else:
            yield Record(place, Fault("", "unreadable_row"))
