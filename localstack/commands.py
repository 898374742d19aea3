"""What a person may ask of the local stack: run, up, stop, reset, status; each answers the process's exit status."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localstack import docker
from localstack.failures import StackFailure, Stopped
from localstack.invocation import CallFailed, keep_written_secrets, on_local_stack
from localstack.processes import Processes, birth, wait_until
from localstack.run_directory import LEFT_RUNNING, content_of, held, holder, left_whole, prepared
from localstack.stack import Options, Stack

# Ended one after the other, so that none loses what it is leaning on; everything else follows together.
STOP_ORDER = (("nginx", "triggers"), ("sam-api", "sam-lambda"), ("emulator",))
DATA = (
    "postgres",
    "valkey",
    "rabbitmq",
    "nginx",
    "emulator",
    "docker",
    "sam",
    "mail",
    "logs",
    "secrets.json",
    "stack.json",
    "triggers.json",
    "lock",
)
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RETURNED_WITHOUT = 3


def run(options: Options, kind: type[Stack] = Stack) -> int:
    """Brings the stack up, stays until Ctrl-C or SIGTERM, or until one of its processes ends by itself."""
    return _bring_up(options, kind, stay=True)


def up(options: Options, kind: type[Stack] = Stack) -> int:
    """Brings the stack up and returns, leaving its processes at work."""
    return _bring_up(options, kind, stay=False)


def _bring_up(options: Options, kind: type[Stack], *, stay: bool) -> int:
    directory = prepared(options.directory)
    # Whatever proxy there is has no business between the parts of one machine.
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))
    say = _teller()
    with held(directory) as sign:
        _end_leftovers(directory, say)
        processes = Processes(directory)
        told = threading.Event()
        for number in STOP_SIGNALS:
            # What nohup or a shell's `&` set to be ignored stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: told.set())
        starting = _Starting(kind(options, processes, say))
        starting.start()
        # An event rather than join(): the wait has to end at a signal too.
        while starting.is_alive() and not told.wait(0.02):
            pass
        failure = None if told.is_set() else starting.failure
        if not told.is_set() and failure is None:
            _tell(summary(starting.content, directory))
            if not stay:
                sign(LEFT_RUNNING)
                return 0
            _tell("Ctrl-C stops it all.")
            failure = _watch(processes, told)
        if processes.entries:
            say("stopping")
        _take_down(directory, processes, starting.stack)
        starting.join(timeout=60)
        # It may have come to its end just then, and written it.
        (directory / "stack.json").unlink(missing_ok=True)
        if failure is not None:
            raise failure
        say("stopped")
        return 0


class _Starting(threading.Thread):
    """Brings the stack up beside the main thread, which stays free to hear signals."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self.stack = stack
        self.log = stack.processes.logs / "stack.log"
        self.content: dict[str, Any] = {}
        self.failure: StackFailure | None = None

    def run(self) -> None:
        try:
            self.content = self.stack.bring_up()
        except StackFailure as failure:
            self.failure = failure
        except Stopped:
            self.failure = StackFailure("The start was stopped.")
        except Exception as error:
            with contextlib.suppress(OSError), self.log.open("a") as log:
                traceback.print_exc(file=log)
            said = " ".join(str(error).split())[:300]
            self.failure = StackFailure(
                f"The start failed, {type(error).__name__}: {said} (all of it is in {self.log})."
            )


def _watch(processes: Processes, told: threading.Event) -> StackFailure | None:
    """Waits until someone asks for an end (None), or a process ends by itself (what to say of it)."""
    while not told.wait(0.5):
        dead = processes.dead()
        if dead and not told.is_set():
            log = processes.logs / f"{dead[0]}.log"
            return StackFailure(f"{' and '.join(dead)} ended by itself, so everything else is stopped: see {log}.")
    return None


def _take_down(directory: Path, processes: Processes, stack: Stack | None) -> None:
    (directory / "stack.json").unlink(missing_ok=True)
    if stack is not None:
        # The keys may have been rotated since they were last kept.
        with contextlib.suppress(Exception):
            stack.keep_written_secrets()
    processes.end(*STOP_ORDER)
    if stack is not None:
        stack.leave()
    docker.clean_up(directory)


def stop(directory: Path) -> int:
    """Ends the stack of `directory`, however it was started. Nothing to end is fine too."""
    directory = directory.resolve()
    if not directory.is_dir():
        print("Nothing is running.")
        return 0
    held_by = holder(directory)
    if held_by is not None:
        pid, born = held_by
        if birth(pid) == born:
            os.kill(pid, signal.SIGTERM)
        if not wait_until(lambda: birth(pid) != born, 90):
            raise StackFailure(f"Process {pid}, which runs the stack in {directory}, does not end: end it by hand.")
    processes = Processes(directory)
    running = any(processes.alive(entry) for entry in processes.entries)
    if running:
        keep_written_secrets(directory)
    _take_down(directory, processes, None)
    print("Stopped." if running or held_by else "Nothing is running.")
    return 0


def reset(directory: Path) -> int:
    """Ends the stack of `directory` and forgets its data: database, queues, files, passwords, logs."""
    directory = directory.resolve()
    stop(directory)
    for name in DATA:
        path = directory / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    print(f"The data in {directory} is forgotten.")
    return 0


def invoke(directory: Path, name: str, event: str) -> int:
    """Calls one function of the running stack by its logical id and prints what it answers.

    `event` is JSON, or the path of a file of it.
    """
    try:
        text = event.strip() or "{}"
        read = json.loads(text if text.startswith("{") else Path(event).read_text(encoding="utf-8"))
    except ValueError as error:
        raise StackFailure(f"The event is not readable JSON: {error}.") from error
    try:
        answer = on_local_stack(directory, name, read)
    except CallFailed as failure:
        print(failure.trace, file=sys.stderr)
        raise
    print(json.dumps(answer, indent=1, ensure_ascii=False))
    return 0


def is_up(directory: Path) -> bool:
    """Whether a stack is up in `directory`, by `run` or by `up`."""
    directory = directory.resolve()
    return content_of(directory) is not None and (holder(directory) is not None or left_whole(directory))


def status(directory: Path) -> int:
    """Says whether the stack of `directory` is up and which of its processes run; 0 when it is, 3 when it isn't."""
    directory = directory.resolve()
    content = content_of(directory)
    processes = Processes(directory)
    alive = [entry for entry in processes.entries if processes.alive(entry)]
    if not alive:
        print("Nothing is running.")
        return RETURNED_WITHOUT
    whole = len(alive) == len(processes.entries)
    if content is not None:
        if not whole:
            print("\nEatIt is not whole: a part of it has ended. `make up` makes it whole again.")
        print(summary(content, directory) if whole else summary(content, directory).replace("EatIt is ready.\n\n", ""))
    for entry in processes.entries:
        print(f"  {entry.name:<10} {f'pid {entry.pid}' if entry in alive else 'has ended'}")
    return 0 if content is not None and whole else RETURNED_WITHOUT


def summary(content: dict[str, Any], directory: Path) -> str:
    """The table of addresses and demo users."""
    url = content["url"]
    rows = [
        ("The shop", url),
        ("API docs", f"{url}/auth/docs  {url}/store/docs  {url}/basket/docs"),
        ("Gateway", content["gateway_url"]),
        ("AWS emulator", content["lambda_endpoint_url"]),
        ("Postgres", content["database_url"]),
        ("Redis", content["redis_url"]),
        ("RabbitMQ", content["amqp_url"]),
        ("Mail", content["mail_dir"]),
        ("Logs", str(directory / "logs")),
        ("All of this", str(directory / "stack.json")),
    ]
    lines = ["", "EatIt is ready.", ""] if url else ["", "The servers are ready.", ""]
    lines += [f"  {title:<13} {value}" for title, value in rows if value]
    if content["users"]:
        lines += ["", "  Demo users    e-mail                     password"]
        # The key is what an authenticator asks for beside a QR code.
        lines += [
            f"  {role:<13} {user['email']:<26} {user['password']}"
            + (f"   authenticator's key: {user['totp_secret']}" if "totp_secret" in user else "")
            for role, user in content["users"].items()
        ]
    return "\n".join([*lines, ""])


def _end_leftovers(directory: Path, say: Callable[[str], None]) -> None:
    """Ends what a killed supervisor, or a stack that lost a part, left at work in this directory."""
    processes = Processes(directory)
    (directory / "stack.json").unlink(missing_ok=True)
    if any(processes.alive(entry) for entry in processes.entries):
        say("ending what an earlier stack left running here")
    processes.end(*STOP_ORDER)
    docker.clean_up(directory)


def _teller() -> Callable[[str], None]:
    """Prints a line of progress with the seconds since the start."""
    begun = time.monotonic()

    def say(text: str) -> None:
        _tell(f"{time.monotonic() - begun:6.1f} s  {text}")

    return say


def _tell(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError:
        # Whoever read along has gone (`make up | head`, a closed terminal); what is under way goes on without.
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
