"""A stack that isn't ready yet: it ends at once while the demo shop is put in, and who asks something of it is told."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack.processes import marked
from localstack.run_directory import held, prepared
from localstack.template import ROOT
from tests.integration.terminals import RealTerminal
from tests.secrets_seen import watch

GOODS_SECONDS = 180
# Half of the time that the demo's client would go on asking servers which have ended.
END_SECONDS = 30
# Told to end when it had all but written what says that it is ready.
LATE = """
import os, signal, sys
from pathlib import Path
from localstack import commands
from localstack.stack import Options, Stack

class Late(Stack):
    def bring_up(self):
        os.kill(os.getpid(), signal.SIGINT)
        assert self.processes.stopping.wait(30)
        (self.options.directory / "stack.json").write_text("{}")
        return {}

sys.exit(commands.run(Options(Path(sys.argv[1])), Late))
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One for all of them: each start goes on with what the one before has put in."""
    own = tmp_path_factory.mktemp("not_ready") / "run"
    watch(own)
    yield own
    stop = [sys.executable, "-m", "localstack", "stop", "--directory", str(own)]
    assert subprocess.run(stop, cwd=ROOT, capture_output=True, timeout=120, check=False).returncode == 0
    assert marked(own) == []


@pytest.fixture
def terminal(directory: Path) -> Iterator[RealTerminal]:
    """One where the demo goods are just being put in."""
    own = RealTerminal(directory)
    try:
        own.wait_for(b" goods", GOODS_SECONDS)
        yield own
    finally:
        own.child.kill()
        own.child.wait()
        own.close()


def nothing_is_left(terminal: RealTerminal, directory: Path) -> None:
    assert terminal.child.wait(timeout=END_SECONDS) == 0
    assert marked(directory) == []
    assert not (directory / "stack.json").exists()


@pytest.mark.parametrize(
    "numbers",
    [(signal.SIGINT,), (signal.SIGTERM, signal.SIGINT)],
    ids=["Ctrl-C", "SIGTERM and an impatient Ctrl-C"],
)
def test_a_signal_ends_it_while_goods_are_put_in(
    terminal: RealTerminal, directory: Path, numbers: tuple[signal.Signals, ...]
) -> None:
    terminal.signal(numbers[0])
    for number in numbers[1:]:
        terminal.wait_for(b"stopping", END_SECONDS)
        terminal.signal(number)
    nothing_is_left(terminal, directory)


def test_a_closed_terminal_ends_it_while_goods_are_put_in(terminal: RealTerminal, directory: Path) -> None:
    terminal.close()
    terminal.signal(signal.SIGHUP)
    nothing_is_left(terminal, directory)


def test_a_stack_json_that_is_written_after_the_end_began_is_taken_away(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LATE, str(tmp_path / "run")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "run" / "lock").exists()
    assert not (tmp_path / "run" / "stack.json").exists()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (1, ("localstack", "invoke", "StoreFunction")),
        (2, ("localstack.check_books",)),
        (1, ("localstack.import_goods", "README.md")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_who_asks_something_of_it_is_told_to_wait(tmp_path: Path, status: int, words: tuple[str, ...]) -> None:
    directory = prepared(tmp_path / "run")
    with held(directory):
        command = [sys.executable, "-m", *words, "--directory", str(directory)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("eatit: The stack is just being started")
    assert done.stderr.count("\n") == 1
