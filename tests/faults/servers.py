"""A stack of the tests' own whose servers can be killed, stopped, and brought back where they were.

Everything that is ended here is on record in that stack's `stack.json`, or is a worker of its emulator.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from localstack import credentials, deploy
from localstack.credentials import Login
from localstack.packages import find_program
from localstack.processes import PROC, Processes, birth, group_members, marked, wait_until
from localstack.servers import postgres, rabbitmq, valkey
from tests.integration.test_whole_stack import Shop

SERVERS = ("postgres", "redis", "rabbitmq")
BACK_SECONDS = 120.0
# What stands in the environment of a worker of the emulator.
FUNCTION = b"AWS_LAMBDA_FUNCTION_NAME="


class Servers:
    """The servers of one stack, by the names that `stack.json` has for them: `postgres`, `redis`, `rabbitmq`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.shop = Shop(directory)
        self.stack: dict[str, Any] = {}
        self.pids: dict[str, int] = {}
        self._brought_back: Processes | None = None

    def up(self) -> None:
        """Start the stack, without demo goods."""
        self.shop.up()
        self.stack = self.shop.stack
        self.pids = {name: pid for name, pid in self.stack["pids"].items() if pid is not None}

    def stop(self) -> None:
        """End it all, whatever was brought back included."""
        for pid in self.pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGCONT)
        self.shop.call("stop")
        if self._brought_back is not None:
            self._brought_back.end()  # they are children of this process, which has to hear of their end

    # Gone and back

    def kill(self, name: str) -> None:
        """Kill a server (-9) with all of its processes, and wait until they are gone."""
        pid = self.pids[name]
        assert self._is_ours(pid), name
        whole = {pid, *group_members(pid), *_descendants(pid)}
        for each in whole:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        assert wait_until(lambda: not any(birth(each) for each in whole), BACK_SECONDS), f"{name} doesn't end"

    def bring_back(self, name: str) -> None:
        """Start a killed server again: the same data, login and port. It answers when this returns."""
        secrets = credentials.load(self.directory / "secrets.json")
        processes = self._brought_back = self._brought_back or Processes(self.directory)
        port = self._port(name)
        if name == "postgres":
            postgres.start(processes, secrets.postgres, port=port)
        elif name == "redis":
            valkey.start(processes, port=port)
        else:
            rabbitmq.start(processes, Login("eatit", secrets.broker), port=port)
        self.pids[name] = [entry.pid for entry in processes.entries if entry.name == name][-1]

    @contextlib.contextmanager
    def away(self, name: str) -> Iterator[None]:
        """The server is killed, and brought back at the block's end."""
        self.kill(name)
        try:
            yield
        finally:
            self.bring_back(name)

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """The server is stopped by SIGSTOP as long as the block lasts: it takes connections and never answers."""
        pid = self.pids[name]
        assert self._is_ours(pid), name
        whole = {pid, *group_members(pid), *_descendants(pid)}
        for each in whole:
            os.kill(each, signal.SIGSTOP)
        try:
            yield
        finally:
            for each in whole:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGCONT)

    @contextlib.contextmanager
    def memory_alarm(self) -> Iterator[None]:
        """RabbitMQ is short of memory as long as the block lasts: it reads nothing from whoever publishes."""
        self.rabbitmqctl("set_vm_memory_high_watermark", "absolute", "1MB")
        try:
            yield
        finally:
            self.rabbitmqctl("set_vm_memory_high_watermark", "0.4")

    def rabbitmqctl(self, *words: str) -> str:
        """Ask the private node for something; what it said."""
        program = find_program("rabbitmqctl")
        assert program is not None
        done = subprocess.run(
            [str(program), *words],
            env=_environment(self.pids["rabbitmq"]),
            capture_output=True,
            text=True,
            timeout=BACK_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # The functions

    def workers(self, function: str) -> list[int]:
        """The processes in which a function of the template lives now."""
        name = FUNCTION + self.stack["functions"][function].encode()
        found = []
        for pid in marked(self.directory):
            with contextlib.suppress(OSError):
                if name in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                    found.append(pid)
        return found

    def kill_worker(self, function: str, chance: random.Random) -> bool:
        """Kill one of the function's workers (-9), in the middle of whatever it does; whether there was one."""
        workers = self.workers(function)
        with contextlib.suppress(ProcessLookupError):
            if workers:
                os.kill(chance.choice(workers), signal.SIGKILL)
        return bool(workers)

    def invoke(self, function: str, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call a function as a schedule would. Raises `deploy.InvocationFailed` when it failed or was killed."""
        answer = deploy.invoke(self.stack["lambda_endpoint_url"], self.stack["functions"][function], event or {})
        return dict(answer)

    def _port(self, name: str) -> int:
        url = {"postgres": "database_url", "redis": "redis_url", "rabbitmq": "amqp_url"}[name]
        return int(urlsplit(self.stack[url]).port or 0)

    def _is_ours(self, pid: int) -> bool:
        # By the record: Valkey writes its title over its environment, where the mark was.
        record = Processes(self.directory)
        return any(entry.pid == pid and record.alive(entry) for entry in record.entries)


def eventually_true(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until the condition holds; fail with `what` when it never does."""
    assert wait_until(condition, seconds), what


def _descendants(pid: int) -> list[int]:
    """The living processes that a process started, and those that these did: Postgres's lead groups of their own."""
    parents: dict[int, list[int]] = {}
    for directory in PROC.iterdir():
        if directory.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (directory / "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(fields[1]), []).append(int(directory.name))
    found, waiting = [], [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _environment(pid: int) -> dict[str, str]:
    """The environment that a process was started with."""
    parts = (PROC / str(pid) / "environ").read_bytes().decode().split("\0")
    return dict(part.split("=", 1) for part in parts if "=" in part)
