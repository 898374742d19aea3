"""A measured figure, how it is told, and how two things are timed in turn."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TextIO, cast

from tests.performance.cold_start import Ratio


@dataclass(frozen=True)
class Figure:
    """One row of docs/performance.md: what was measured, beside what, and what was aimed for.

    `aim` is the most that the ratios' median may be. `between` is for two things that must take the same time: what the
    ratio of their medians may be.
    """

    what: str
    peer: str
    ratio: Ratio
    aim: float | None = None
    also: str = ""
    between: tuple[float, float] | None = None

    @property
    def missed(self) -> bool:
        """Whether an aim was set and isn't held."""
        if self.between is not None and not self.between[0] <= self.ratio.of_medians <= self.between[1]:
            return True
        return self.aim is not None and self.ratio.median > self.aim

    def row(self) -> str:
        """The row, as Markdown: the ratio's median, least and most, and the medians in milliseconds."""
        found = self.ratio
        aim = "" if self.aim is None else f"≤ {self.aim}"
        if self.between is not None:
            aim = f"{self.between[0]} to {self.between[1]}"
        times = f"{found.seconds * 1000:.3g} / {found.peer_seconds * 1000:.3g}"
        told = f"**{found.median:.2f}** | {found.least:.2f} | {found.most:.2f} | {found.quickest:.2f}"
        return f"| {self.what} | {self.peer} | {told} | {aim} | {times} | {self.also} |"


_TITLES = ("what", "× what", "median", "min", "max", "quickest / quickest", "aim", "ms / ms", "")
HEADINGS = f"| {' | '.join(_TITLES)} |\n{'|---' * len(_TITLES)}|"


def in_turn(
    one: Callable[[], object],
    peer: Callable[[], object],
    *,
    rounds: int,
    batch: int,
    before: Callable[[], object] | None = None,
) -> Ratio:
    """Time `batch` calls of each in turn, `rounds` times, after a round that doesn't count. What is to be made ready
    `before` each call isn't counted either.

    Every other round begins with the peer: what one leaves behind for the next falls on both alike.
    """
    for call in (one, peer):
        _seconds(call, batch, before)
    ones, peers = [], []
    for number in range(rounds):
        if number % 2:
            peers.append(_seconds(peer, batch, before))
        ones.append(_seconds(one, batch, before))
        if not number % 2:
            peers.append(_seconds(peer, batch, before))
    return Ratio.of(ones, peers)


def processor_seconds(backend: int) -> float:
    """What this thread and that process of Postgres have taken of the processors: unlike the clock's time, hardly more
    on a busy machine. Linux's /proc tells of others; elsewhere it is this thread alone."""
    try:
        spent = int(Path(f"/proc/{backend}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        spent = 0.0
    return time.thread_time() + spent


def _seconds(call: Callable[[], object], batch: int, before: Callable[[], object] | None) -> float:
    took = 0.0
    for _ in range(1 if before is None else batch):
        if before is not None:
            before()
        begun = time.perf_counter()
        for _ in range(batch if before is None else 1):
            call()
        took += time.perf_counter() - begun
    return took / batch


@contextmanager
def logs_in_a_file() -> Iterator[None]:
    """What functions print goes line by line into a file, a system call each, as Lambda's runtime takes it."""
    kept, stdout, file = os.dup(1), sys.stdout, _file()
    stdout.flush()
    os.dup2(file.fileno(), 1)
    sys.stdout = file
    try:
        yield
    finally:
        sys.stdout = stdout
        os.dup2(kept, 1)
        os.close(kept)


@lru_cache(maxsize=1)
def _file() -> TextIO:
    """One for the whole process: the functions' logger keeps the output that it found at first."""
    return cast(TextIO, tempfile.TemporaryFile("w", buffering=1))
