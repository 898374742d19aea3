"""Knowing one's own processes again, by /proc and, as on macOS, by ps; one file of logs for each."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack import processes
from localstack.failures import ServerDied
from localstack.processes import Processes, birth, group_members, marked


@pytest.fixture(params=["proc", "ps"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    if request.param == "ps":
        if shutil.which("ps") is None:
            pytest.skip("there is no ps here")
        monkeypatch.setattr(processes, "PROC", tmp_path / "nowhere")
    elif not Path("/proc/self/stat").exists():
        pytest.skip("there is no /proc here")
    return str(request.param)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Processes]:
    directory = tmp_path / "run"
    (directory / "logs").mkdir(parents=True)
    kept = Processes(directory)
    yield kept
    kept.end(seconds=2)


def test_a_process_is_known_by_its_birth(way: str) -> None:
    assert birth(os.getpid()) == birth(os.getpid()) is not None
    child = subprocess.Popen([sys.executable, "-c", ""])
    processes.wait_until(lambda: birth(child.pid) is None, 10)
    # A zombie, not yet waited for, is no process any more.
    assert birth(child.pid) is None
    child.wait()


def test_what_a_process_started_ends_with_it(way: str, own: Processes) -> None:
    child = own.start("shell", ["sh", "-c", "trap '' TERM; sleep 60 & wait; wait"])
    assert processes.wait_until(lambda: len(group_members(child.pid)) == 2, 10)
    own.end(seconds=0.2)
    assert group_members(child.pid) == []
    assert own.entries == []


def test_who_lost_the_signal_is_asked_again(own: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ASKED_AGAIN_SECONDS", 0.2)
    deaf = "trap 'trap \"exit 7\" USR1' USR1; touch trapped; while :; do sleep 0.02; done"
    child = own.start("deaf", ["sh", "-c", deaf], stop_signal=signal.SIGUSR1)
    assert processes.wait_until((own.run_directory / "trapped").exists, 10)
    own.end(seconds=10)
    assert child.returncode == 7


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc")
def test_a_child_that_left_its_group_is_ended_too(own: Processes) -> None:
    own.start("parent", ["sh", "-c", "setsid sleep 60 & exec sleep 60"])
    assert processes.wait_until(lambda: len(marked(own.run_directory)) == 2, 10)
    own.end(seconds=2)
    assert marked(own.run_directory) == []


def test_another_supervisor_knows_what_is_on_record(own: Processes) -> None:
    own.start("one", ["sleep", "60"], stop_signal=signal.SIGINT)
    other = Processes(own.run_directory)
    assert [entry.name for entry in other.entries] == ["one"]
    assert other.dead() == []
    other.end(seconds=2)
    assert own.dead() == ["one"]


def test_a_server_that_ends_at_once_is_named_with_its_last_words(own: Processes) -> None:
    child = own.start("brief", ["sh", "-c", "echo no such luck; exit 3"])
    with pytest.raises(ServerDied, match=r"Brief ended while it was started.*no such luck"):
        own.wait_ready("Brief", child, lambda: False, log="brief", seconds=10)


def test_a_server_that_stays_silent_is_given_up(own: Processes) -> None:
    child = own.start("mute", ["sleep", "60"])
    with pytest.raises(ServerDied, match="did not answer within"):
        own.wait_ready("Mute", child, lambda: False, log="mute", seconds=0.1)
