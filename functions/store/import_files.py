"""The files of imports and exports: where they lie, and the bytes of an uploaded one, read in bounded pieces."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from store.database import files

BLOCK = 1024 * 1024
PART = 8 * 1024 * 1024  # S3 takes no part below 5 MiB but the last
SECONDS = 3600  # that an address holds
CSV = "text/csv"
GZIP = b"\x1f\x8b"


class FileMissing(Exception):
    """There is no such file."""


class UnusableFile(Exception):
    """The file itself can't be imported, whatever stands in its rows; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def upload_key(import_id: Any) -> str:
    """Where an import's file is put."""
    return f"imports/{import_id}/file"


def errors_key(import_id: Any) -> str:
    """Where all of an import's errors are put."""
    return f"imports/{import_id}/errors.csv"


def export_key(export_id: Any) -> str:
    """Where an export is put."""
    return f"exports/{export_id}.csv"


@dataclass(slots=True)
class Text:
    """The bytes of an uploaded file from `place` on, gunzipped where they are gzip: read block by block, by ranges.

    `place` counts bytes of the text, `consumed` bytes of the object. Raises `UnusableFile` for gzip that breaks off or
    grows beyond `limit`, `FileMissing`, `Unavailable`.
    """

    key: str
    size: int
    limit: int
    place: int = 0
    consumed: int = 0

    def blocks(self) -> Iterator[bytes]:
        """The bytes from `place` on, in blocks of a mebibyte or less."""
        start = self.place
        first = self._range(0)
        if first[:2] != GZIP:
            self.consumed = start
            first = first[start:] if start < len(first) else b""
            while True:
                if first:
                    self.consumed += len(first)
                    yield first
                if self.consumed >= self.size:
                    return
                first = self._range(self.consumed)
        skipped = 0
        # What stands before the place must be unpacked again: gzip has no way into its middle.
        for block in self._unpacked(first):
            if skipped + len(block) <= start:
                skipped += len(block)
                continue
            yield block[max(start - skipped, 0) :]
            skipped += len(block)

    def _unpacked(self, block: bytes) -> Iterator[bytes]:
        unpacker, grown = zlib.decompressobj(wbits=31), 0
        try:
            while True:
                self.consumed += len(block)
                while block:
                    out = unpacker.decompress(block, BLOCK)
                    grown += len(out)
                    if grown > self.limit:
                        raise UnusableFile("expands_too_much")
                    if out:
                        yield out
                    block = unpacker.unconsumed_tail
                    if unpacker.eof:
                        block = unpacker.unused_data  # one gzip file may stand behind another
                        if block.strip(b"\0"):
                            unpacker = zlib.decompressobj(wbits=31)
                        else:
                            block = b""
                if self.consumed >= self.size:
                    break
                block = self._range(self.consumed)
            if not unpacker.eof:
                raise UnusableFile("unreadable_gzip")
        except zlib.error as error:
            raise UnusableFile("unreadable_gzip") from error

    def _range(self, start: int) -> bytes:
        end = min(start + BLOCK, self.size)
        if start >= end:
            return b""
        block = files.read_range(self.key, start, end)
        if block is None:
            raise FileMissing
        return block


class Parts:
    """A CSV that is written piece by piece and put whole: small ones at once, others in parts.

    `upload_id` and `standing` (numbers and tags) are what stands so far: a process that goes on after another begins
    with them, and with a number for its own next part that nobody else uses.
    """

    def __init__(
        self, key: str, upload_id: str | None = None, standing: Iterable[tuple[int, str]] = (), number: int = 1
    ) -> None:
        self._key = key
        self._waiting = bytearray()
        self._number = number
        self.upload_id = upload_id
        self.standing = [(number, tag) for number, tag in standing]

    def add(self, content: bytes) -> bool:
        """Take more of it → whether that filled a part, so that all of it stands now."""
        self._waiting += content
        if len(self._waiting) < PART:
            return False
        self._put()
        return True

    def end(self) -> None:
        """Put the rest, and make the file of it."""
        if self.upload_id is None:
            files.write(self._key, bytes(self._waiting), CSV, cache_control="private, no-store")
            return
        if self._waiting:
            self._put()
        files.end_parts(self._key, self.upload_id, self.standing)

    def _put(self) -> None:
        if self.upload_id is None:
            self.upload_id = files.begin_parts(self._key, CSV)
        tag = files.write_part(self._key, self.upload_id, self._number, bytes(self._waiting))
        self.standing.append((self._number, tag))
        self._number += 1
        self._waiting.clear()
