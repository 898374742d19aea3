"""A measured figure, how it is told, and how two things are timed in turn."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.performance.cold_start import Ratio


@dataclass(frozen=True)
class Figure:
    """One row of docs/performance.md: what was measured, beside what, and what was aimed for."""

    what: str
    peer: str
    ratio: Ratio
    aim: float | None = None
    also: str = ""

    def row(self) -> str:
        """The row, as Markdown: the ratio's median, least and most, and the medians in milliseconds."""
        found = self.ratio
        aim = "" if self.aim is None else f"≤ {self.aim}"
        times = f"{found.seconds * 1000:.3g} / {found.peer_seconds * 1000:.3g}"
        told = f"**{found.median:.2f}** | {found.least:.2f} | {found.most:.2f} | {found.quickest:.2f}"
        return f"| {self.what} | {self.peer} | {told} | {aim} | {times} | {self.also} |"


_TITLES = ("what", "× what", "median", "min", "max", "quickest / quickest", "aim", "ms / ms", "")
HEADINGS = f"| {' | '.join(_TITLES)} |\n{'|---' * len(_TITLES)}|"


def in_turn(one: Callable[[], object], peer: Callable[[], object], *, rounds: int, batch: int) -> Ratio:
    """Time `batch` calls of the one, then of the other, `rounds` times, after a round that doesn't count."""
    for call in (one, peer):
        _seconds(call, batch)
    pairs = [(_seconds(one, batch), _seconds(peer, batch)) for _ in range(rounds)]
    return Ratio.of([first for first, _ in pairs], [second for _, second in pairs])


def _seconds(call: Callable[[], object], batch: int) -> float:
    begun = time.perf_counter()
    for _ in range(batch):
        call()
    return (time.perf_counter() - begun) / batch


@contextmanager
def logs_in_a_file() -> Iterator[None]:
    """What functions print goes line by line into a file, a system call each, as Lambda's runtime takes it."""
    with tempfile.TemporaryFile("w+") as file:
        kept = os.dup(1)
        sys.stdout.flush()
        line_buffered = os.fdopen(os.dup(file.fileno()), "w", buffering=1)
        stdout = sys.stdout
        os.dup2(file.fileno(), 1)
        sys.stdout = line_buffered
        try:
            yield
        finally:
            sys.stdout = stdout
            os.dup2(kept, 1)
            os.close(kept)
            line_buffered.close()
