"""Says, before pytest's own last line, how many tests of each room ran."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

import pytest

OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line a folder of tests/, such as `unit: 120 passed, 1 skipped`."""
    rooms: dict[str, Counter[str]] = {}
    for outcome in OUTCOMES:
        for report in terminalreporter.stats.get(outcome, []):
            where = getattr(report, "nodeid", "") or ""
            parts = PurePosixPath(where.split("::", 1)[0]).parts
            room = parts[1] if len(parts) > 2 and parts[0] == "tests" else "elsewhere"
            rooms.setdefault(room, Counter())[outcome] += 1
    if rooms:
        terminalreporter.section("what ran")
        for room, counted in sorted(rooms.items()):
            told = ", ".join(f"{counted[outcome]} {outcome}" for outcome in OUTCOMES if counted[outcome])
            terminalreporter.write_line(f"{room + ':':<14} {told}")
