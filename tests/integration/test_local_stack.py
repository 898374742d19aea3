"""The local stack's servers and supervisor, for real: starting, ending, and what a person is told when that fails."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pika.exceptions
import psycopg
import pytest

from localstack.ports import free_port
from localstack.processes import PROC, Processes, marked
from localstack.template import ROOT
from localstack.triggers import write_settings
from tests.integration.terminals import bare_environment
from tests.secrets_seen import watch


class Terminal:
    """The local stack as a person drives it, in a run directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        watch(directory)
        self.environment = bare_environment()

    def command(self, *words: str) -> list[str]:
        command = [sys.executable, "-m", "localstack", words[0], "--directory", str(self.directory), *words[1:]]
        if words[0] not in ("run", "up"):
            return command
        port = [] if "--port" in words else ["--port", "0"]
        return [*command, *port, "--servers-only"]

    def call(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=ROOT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self) -> subprocess.Popen[bytes]:
        """`run` in the foreground of nobody; returns when the stack is ready."""
        child = subprocess.Popen(
            self.command("run"), cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while not (self.directory / "stack.json").exists():
            assert child.poll() is None, "it ended"
            assert time.monotonic() < deadline, "it isn't ready"
            time.sleep(0.02)
        return child

    @property
    def stack(self) -> dict[str, Any]:
        return dict(json.loads((self.directory / "stack.json").read_text()))

    def left(self) -> list[int]:
        return marked(self.directory)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    own = Terminal(tmp_path / "run")
    yield own
    own.call("stop")
    assert own.left() == []


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Servers that are up, for tests that leave them so."""
    own = Terminal(tmp_path_factory.mktemp("standing") / "run")
    done = own.call("up")
    assert done.returncode == 0, done.stderr
    yield own
    assert own.call("stop").returncode == 0
    assert own.left() == []
    assert not (own.directory / "stack.json").exists()


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    told = done.stderr.strip().splitlines()
    assert len(told) == 1, done.stderr
    return told[0]


def test_up_leaves_servers_at_work(standing: Terminal) -> None:
    with psycopg.connect(standing.stack["database_url"]) as database:
        row = database.execute("SELECT current_user, current_database(), rolsuper FROM pg_roles WHERE rolname = user")
        assert row.fetchone() == ("eatit_owner", "eatit", False)
    assert standing.call("status").returncode == 0


def test_a_second_up_is_told_of_the_first(standing: Terminal) -> None:
    for command in ("up", "run"):
        told = one_sentence(standing.call(command))
        assert "already" in told
        assert "make stop" in told


def test_secrets_are_for_their_owner_alone_and_outlive_a_restart(terminal: Terminal) -> None:
    terminal.call("up")
    first = terminal.stack
    for name in ("stack.json", "secrets.json", "rabbitmq/rabbitmq.conf"):
        assert stat.S_IMODE((terminal.directory / name).stat().st_mode) == 0o600
    with psycopg.connect(first["database_url"], autocommit=True) as database:
        database.execute("CREATE SCHEMA kept")
    terminal.call("stop")
    terminal.call("up")
    assert terminal.stack["database_url"].split("@")[0] == first["database_url"].split("@")[0]
    with psycopg.connect(terminal.stack["database_url"]) as database:
        assert database.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'kept'").fetchone()

    # As a whole stack leaves it: the broker's password is in it.
    write_settings(terminal.directory, endpoint_url="", amqp_url=first["amqp_url"], functions={})
    assert terminal.call("reset").returncode == 0
    assert list(terminal.directory.iterdir()) == []


@pytest.mark.skipif(not PROC.joinpath("net/tcp").exists(), reason="needs Linux's /proc")
def test_everything_listens_on_loopback_alone(standing: Terminal) -> None:
    listening = 0
    sockets = {link for pid in standing.left() for link in _links(pid)}
    sockets |= {link for entry in Processes(standing.directory).entries for link in _links(entry.pid)}
    for table, loopback in (("tcp", "0100007F"), ("tcp6", "00000000000000000000000001000000")):
        for row in PROC.joinpath("net", table).read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                assert fields[1].split(":")[0] == loopback, row
                listening += 1
    assert listening >= 6


def _links(pid: int) -> list[str]:
    return [str(link.readlink()) for link in PROC.joinpath(str(pid), "fd").iterdir() if link.is_symlink()]


def test_the_broker_has_no_guest_and_takes_quorum_queues_that_lose_nothing(standing: Terminal) -> None:
    url = standing.stack["amqp_url"]
    connection = pika.BlockingConnection(pika.URLParameters(url))
    connection.channel().queue_declare(
        "probe",
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": "probe.parked",
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
            "x-delivery-limit": 1000,
        },
    )
    connection.channel().queue_delete("probe")
    connection.close()
    place = url.rpartition("@")[2]
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        pika.BlockingConnection(pika.URLParameters(f"amqp://guest:guest@{place}"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: signal.Signals(number).name)
def test_a_signal_ends_run_and_everything_with_it(terminal: Terminal, number: int) -> None:
    child = terminal.run()
    child.send_signal(number)
    assert child.wait(timeout=60) == 0
    assert terminal.left() == []


def test_stop_ends_a_run_too(terminal: Terminal) -> None:
    child = terminal.run()
    assert terminal.call("stop").returncode == 0
    assert child.wait(timeout=10) == 0


def test_a_killed_run_is_cleared_away_by_the_next_start(terminal: Terminal) -> None:
    child = terminal.run()
    before = terminal.stack["pids"]
    child.kill()
    child.wait()
    assert len(terminal.left()) >= len([pid for pid in before.values() if pid])

    done = terminal.call("up")
    assert done.returncode == 0, done.stderr
    assert not set(terminal.stack["pids"].values()) & {pid for pid in before.values() if pid}


def test_a_foreign_process_under_a_recorded_pid_is_left_alone(terminal: Terminal) -> None:
    bystander = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        terminal.directory.mkdir(parents=True)
        record = [{"name": "postgres", "pid": bystander.pid, "born": "1", "stop_signal": int(signal.SIGKILL)}]
        (terminal.directory / "processes.json").write_text(json.dumps(record))
        assert terminal.call("stop").returncode == 0
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_server_that_dies_ends_the_run(terminal: Terminal) -> None:
    child = terminal.run()
    os.kill(terminal.stack["pids"]["redis"], signal.SIGKILL)
    assert child.wait(timeout=60) == 1
    assert terminal.left() == []


def test_a_taken_port_is_one_sentence_and_nothing_runs(terminal: Terminal) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = one_sentence(terminal.call("up", "--port", str(port)))
    assert f"Port {port} is taken" in told
    assert "PORT=" in told
    assert terminal.left() == []


def test_a_server_that_cannot_start_is_one_sentence_with_its_log(terminal: Terminal) -> None:
    terminal.call("up")
    terminal.call("stop")
    with (terminal.directory / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write("\nno_such_setting = 1\n")
    told = one_sentence(terminal.call("up"))
    assert "Postgres ended" in told
    assert str(terminal.directory / "logs" / "postgres.log") in told
    assert terminal.left() == []


def test_a_directory_that_cannot_be_written_is_one_sentence(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = one_sentence(Terminal(tmp_path / "file" / "run").call("up"))
    assert "can't be written to" in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://nobody:x@127.0.0.1:{port}/postgres"),
        ("REDIS_URL", "redis://127.0.0.1:{port}/0"),
        ("AMQP_URL", "amqp://nobody:x@127.0.0.1:{port}/%2F"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:{port}"),
    ],
    ids=lambda value: value.split(":")[0],
)
def test_a_given_server_that_is_not_there_is_one_sentence(terminal: Terminal, name: str, value: str) -> None:
    told = one_sentence(terminal.call("up", **{name: value.format(port=free_port())}))
    assert told.startswith("eatit: ")
    assert terminal.left() == []


def test_given_servers_are_used_as_they_are(standing: Terminal, tmp_path: Path) -> None:
    theirs = standing.stack
    ours = Terminal(tmp_path / "second")
    try:
        done = ours.call("up", DATABASE_URL=theirs["database_url"], REDIS_URL=theirs["redis_url"])
        assert done.returncode == 0, done.stderr
        assert ours.stack["redis_url"] == theirs["redis_url"]
        assert ours.stack["database_url"] == theirs["database_url"]
        assert ours.stack["pids"]["postgres"] is None
        assert ours.stack["pids"]["redis"] is None
        assert ours.stack["pids"]["rabbitmq"]
        ours.call("stop")
        with psycopg.connect(theirs["database_url"]):
            pass
    finally:
        ours.call("stop")
