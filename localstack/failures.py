"""What can go wrong while the local stack starts, each as one plain sentence for the person at the terminal."""

from __future__ import annotations

from pathlib import Path


class StackFailure(Exception):
    """The local stack can't go on; the message is one plain sentence that says what to do."""


class ServerDied(StackFailure):
    """A server ended or stayed silent while it was started; `log` holds its own last words."""

    def __init__(self, title: str, what: str, log: Path) -> None:
        super().__init__(f"{title} {what}: see {log} for why{last_words(log)}.")
        self.title = title
        self.log = log


class Stopped(Exception):
    """Someone asked the stack to stop (Ctrl-C, SIGTERM) while it was still starting."""


def last_words(log: Path, *, limit: int = 200) -> str:
    """The last line that `log` holds, as ` (it ended with "...")`, or nothing when it is empty or missing."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 4096))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    spoken = [line.strip() for line in lines if line.strip()]
    return f' (it ended with "{spoken[-1][:limit].rstrip(".")}")' if spoken else ""
