"""Processes that the local stack starts: each in its own session, on record with its start time, ended by its group."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from localstack.failures import ServerDied, Stopped

# Every process of a stack, and whatever that starts, carries its run directory under this name in its environment.
MARK = "EATIT_RUN_DIRECTORY"
POLL_SECONDS = 0.02
# Erlang loses a signal that comes while it boots: whoever is still there after this time is asked once more.
ASKED_AGAIN_SECONDS = 4.0
PROC = Path("/proc")


@dataclass(frozen=True)
class Entry:
    """One process on record: enough to know it again after its supervisor has died."""

    name: str
    pid: int
    born: str  # the kernel's own start time; a reused pid has another
    stop_signal: int


def birth(pid: int) -> str | None:
    """When `pid` was started, as the kernel tells it; None when there is no such process (a zombie is none)."""
    if PROC.joinpath("self/stat").exists():
        try:
            fields = PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    told = _ps("-o", "stat=,lstart=", "-p", str(pid)).strip()
    return None if not told or told.startswith("Z") else told.split(None, 1)[1]


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout


def group_members(pgid: int) -> list[int]:
    """The living processes of a process group (zombies left out)."""
    if not PROC.joinpath("self/stat").exists():
        rows = [row.split() for row in _ps("-axo", "pid=,pgid=,stat=").splitlines()]
        return [int(pid) for pid, group, stat, *_ in rows if int(group) == pgid and not stat.startswith("Z")]
    members = []
    for directory in PROC.iterdir():
        if directory.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (directory / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == pgid and fields[0] not in "ZX":
                    members.append(int(directory.name))
    return members


def marked(run_directory: Path) -> list[int]:
    """Living processes whose environment names `run_directory` (Linux; elsewhere the record alone has to do)."""
    wanted = f"{MARK}={run_directory}".encode()
    found = []
    for directory in PROC.iterdir() if PROC.joinpath("self/environ").exists() else ():
        if directory.name.isdigit() and int(directory.name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in (directory / "environ").read_bytes().split(b"\0") and birth(int(directory.name)):
                    found.append(int(directory.name))
    return found


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Polls `condition` until it holds (True) or `seconds` have passed (False)."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


class Processes:
    """The processes of one run directory and their record in `processes.json`. May be used from several threads."""

    def __init__(self, run_directory: Path) -> None:
        self.run_directory = run_directory
        self.logs = run_directory / "logs"
        self.stopping = threading.Event()
        self._record = run_directory / "processes.json"
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._entries: list[Entry] = self._read()

    def _read(self) -> list[Entry]:
        try:
            return [Entry(**entry) for entry in json.loads(self._record.read_text())]
        except (OSError, ValueError, TypeError):
            return []

    def _write(self) -> None:
        draft = self._record.with_suffix(".draft")
        draft.write_text(json.dumps([asdict(entry) for entry in self._entries], indent=1))
        draft.replace(self._record)

    @property
    def entries(self) -> list[Entry]:
        """What is on record, in the order of starting."""
        return list(self._entries)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        stop_signal: int = signal.SIGTERM,
    ) -> subprocess.Popen[bytes]:
        """Starts `command` in a session of its own, output to logs/<name>.log. `environment` is all that it gets."""
        with self._lock, (self.logs / f"{name}.log").open("ab") as log:
            if self.stopping.is_set():
                raise Stopped
            child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=directory or self.run_directory,
                env={**(plain_environment() if environment is None else environment), MARK: str(self.run_directory)},
                start_new_session=True,
            )
            self._children[child.pid] = child
            self._entries.append(Entry(name, child.pid, birth(child.pid) or "", int(stop_signal)))
            self._write()
        return child

    def wait_ready(
        self, title: str, child: subprocess.Popen[bytes], ready: Callable[[], bool], *, log: str, seconds: float = 60
    ) -> None:
        """Polls `ready` until it holds. Raises ServerDied when the process ends first or the time is up."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.stopping.is_set():
                raise Stopped
            if child.poll() is not None:
                raise ServerDied(title, "ended while it was started", self.logs / f"{log}.log")
            if time.monotonic() > deadline:
                raise ServerDied(title, f"did not answer within {seconds:g} s", self.logs / f"{log}.log")
            time.sleep(POLL_SECONDS)

    def alive(self, entry: Entry) -> bool:
        """Whether the very process on record still runs."""
        child = self._children.get(entry.pid)
        if child is not None and child.poll() is not None:
            return False
        return birth(entry.pid) == entry.born

    def dead(self) -> list[str]:
        """Names of those on record that no longer run."""
        return [entry.name for entry in self._entries if not self.alive(entry)]

    def end_one(self, entry: Entry, seconds: float) -> None:
        """Asks the process to end, twice where need be, waits `seconds`, then ends whatever is left of its group."""
        ours = self.alive(entry)
        if ours:
            # To the leader alone first: a server brings its own children down in order.
            first = min(ASKED_AGAIN_SECONDS, seconds)
            for patience in (first, seconds - first):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(entry.pid, entry.stop_signal)
                if wait_until(lambda: not self.alive(entry), patience):
                    break
        if ours or entry.pid in self._children:
            for number in (signal.SIGTERM, signal.SIGKILL):
                if not group_members(entry.pid):
                    break
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(entry.pid, number)
                wait_until(lambda: not group_members(entry.pid), 3)
        child = self._children.pop(entry.pid, None)
        if child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=5)

    def end(self, *phases: Sequence[str], seconds: float = 15) -> None:
        """Ends everything on record: the names of each phase together, phase after phase, then all the others.

        Whatever still carries the run directory's mark afterwards (a server's runaway child) is ended too.
        """
        with self._lock:
            self.stopping.set()
            waiting = list(reversed(self._entries))
        for phase in [*phases, [entry.name for entry in waiting]]:
            chosen = [entry for entry in waiting if entry.name in phase]
            waiting = [entry for entry in waiting if entry.name not in phase]
            threads = [threading.Thread(target=self.end_one, args=(entry, seconds)) for entry in chosen]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in marked(self.run_directory):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            if wait_until(lambda: not marked(self.run_directory), 3):
                break
        self._entries = []
        self._record.unlink(missing_ok=True)


def plain_environment(**extra: str) -> dict[str, str]:
    """A small environment for a server: nothing of the caller's that could change what it does, plus `extra`."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "SHELL")
    return {**{name: os.environ[name] for name in kept if name in os.environ}, **extra}


def python() -> str:
    """The interpreter of the local stack itself."""
    return sys.executable
