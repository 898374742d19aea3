"""A run directory and who holds it: one stack at a time, and what is known of it by the files that it leaves there."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from localstack.failures import StackFailure
from localstack.processes import Processes, birth
from localstack.servers import mail

PIDS = ("postgres", "redis", "rabbitmq", "nginx", "emulator", "triggers", "mail")
# A log that has grown beyond it begins anew with the next start; the one before is kept.
KEPT_LOG_BYTES = 10_000_000
# What the lock file holds after `up`; while a supervisor is there, its pid and start time. A stack whose supervisor was
# killed is none that anyone meant to leave running.
LEFT_RUNNING = "left running"


def prepared(directory: Path) -> Path:
    """Makes the directory where there is none; its absolute path. Raises StackFailure when it can't be written to."""
    directory = directory.resolve()
    try:
        (directory / "logs").mkdir(parents=True, exist_ok=True)
        probe = directory / "logs" / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StackFailure(
            f"{directory} can't be written to ({error.strerror}): choose another directory with --directory."
        ) from error
    for log in (directory / "logs").glob("*.log"):
        if log.stat().st_size > KEPT_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
    return directory


@contextlib.contextmanager
def held(directory: Path) -> Iterator[Callable[[object], None]]:
    """Holds the directory's lock, under this process's name; gives what signs it otherwise.

    Raises StackFailure when the directory is in use.
    """
    with (directory / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackFailure(f"A stack already runs in {directory}: use it, or end it with `make stop`.") from None
        if left_whole(directory):
            raise StackFailure(f"A stack is already up in {directory}: use it, or end it with `make stop`.")

        def sign(content: object) -> None:
            lock.seek(0)
            lock.truncate()
            json.dump(content, lock)
            lock.flush()

        sign([os.getpid(), birth(os.getpid())])
        yield sign


def holder(directory: Path) -> tuple[int, str] | None:
    """Pid and start time of the process that holds the directory's lock, if any does."""
    with contextlib.suppress(FileNotFoundError), (directory / "lock").open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _named_in(lock)
    return None


def _named_in(lock: IO[str]) -> tuple[int, str] | None:
    try:
        pid, born = json.load(lock)
    except (ValueError, TypeError):
        return None
    return int(pid), str(born)


def content_of(directory: Path) -> dict[str, Any] | None:
    """What the directory's stack.json holds; None without one."""
    try:
        return dict(json.loads((directory / "stack.json").read_text()))
    except (OSError, ValueError):
        return None


def why_not_up(directory: Path) -> str:
    """What to say where there is no stack.json: half a sentence, to be gone on with."""
    with contextlib.suppress(OSError):
        if holder(directory) is not None:
            return "The stack is just being started or stopped: try again when it says that it is ready"
    return "Nothing is running: start it with `make up`"


def left_whole(directory: Path) -> bool:
    """Whether a stack that `up` left behind is whole; the lock is ours when this is asked."""
    try:
        signed = json.loads((directory / "lock").read_text())
    except (OSError, ValueError):
        return False
    processes = Processes(directory)
    left = signed == LEFT_RUNNING and content_of(directory) is not None
    return left and bool(processes.entries) and not processes.dead()


def published(processes: Processes) -> dict[str, Any]:
    """The run directory's part of stack.json: where mail is laid, and pids; null for a server that is given."""
    pids = {entry.name: entry.pid for entry in processes.entries}
    laid = str(mail.folder(processes.run_directory)) if "mail" in pids else None
    return {"mail_dir": laid, "pids": {name: pids.get(name) for name in PIDS}}
