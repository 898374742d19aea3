"""What is particular to the shop under the real SAM CLI; the gateway's own tests run there as they are."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from localstack import docker
from localstack.deploy import InvocationFailed, invoke
from localstack.processes import marked, plain_environment

ROOT = Path(__file__).parents[2]
KEPT = ("DOCKER_HOST", "PYTHON_RUNTIME")
START_SECONDS = 300
STOP_SECONDS = 90

pytestmark = pytest.mark.skipif(os.environ.get("EATIT_STACK_KIND") != "sam", reason="only under SAM CLI: make test-sam")


@pytest.fixture
def directory() -> Iterator[Path]:
    """A run directory of the test's own. Not in /tmp, which may be memory: an engine's images lie in it."""
    own = ROOT / ".run" / "tests" / uuid.uuid4().hex[:8]
    own.mkdir(parents=True)
    yield own
    shutil.rmtree(own, ignore_errors=True)


@pytest.fixture
def command(request: pytest.FixtureRequest, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`make sam` on its way up, in a directory of its own; ended at the end, if it wasn't before."""
    request.getfixturevalue("stack")  # says whether there can be Docker here
    with (directory / "said").open("wb") as said:
        started = subprocess.Popen(
            [sys.executable, "-m", "localstack.sam", "run", "--directory", directory, "--port", "0", "--no-demo"],
            cwd=ROOT,
            # Not this process's own, which may name the servers of another stack.
            env={**plain_environment(), **{name: os.environ[name] for name in KEPT if name in os.environ}},
            stdout=said,
            stderr=said,
        )
    yield started
    if started.poll() is None:
        started.terminate()
        started.wait(STOP_SECONDS)


def test_it_is_sam_that_answers(stack: dict[str, Any]) -> None:
    answer = requests.get(f"{stack['gateway_url']}/store/health", timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Server"].startswith("Werkzeug")


def test_each_function_runs_in_a_container_of_its_own_package_alone(stack: dict[str, Any]) -> None:
    """All else that it imports has come from the layers in /opt, then."""
    directory = Path(stack["mail_dir"]).parent
    engine = docker.engine_of(directory)
    assert engine is not None
    containers = engine.containers_of(directory)
    told = engine.run("inspect", "--format", '{{index .Config.Labels "sam.cli.function.name"}}', *containers)
    assert {"AuthFunction", "StoreFunction", "BasketFunction", "MigrateFunction"} <= set(told.stdout.split())
    mounted = {
        place.name: [entry.name for entry in place.iterdir()] for place in (directory / "sam/functions").iterdir()
    }
    assert mounted == {name: [name] for name in ("auth", "store", "basket", "operations")}


def test_an_unhandled_exception_is_told_as_one(stack: dict[str, Any]) -> None:
    """With a recent runtime client and no more ado, SAM CLI takes an error's payload for the function's answer."""
    with pytest.raises(InvocationFailed, match="ValueError"):
        invoke(stack["lambda_endpoint_url"], stack["functions"]["KeyRotationFunction"], {"action": "forget"})


def test_sigterm_leaves_neither_processes_nor_containers(command: subprocess.Popen[bytes], directory: Path) -> None:
    _until(lambda: (directory / "stack.json").exists() or command.poll() is not None, START_SECONDS)
    assert command.poll() is None, (directory / "said").read_text()
    engine = docker.engine_of(directory)
    assert engine is not None
    assert len(engine.containers_of(directory)) >= 3
    url = json.loads((directory / "stack.json").read_text())["url"]
    command.terminate()
    assert command.wait(STOP_SECONDS) == 0
    _nothing_is_left(engine, directory)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/store/health", timeout=10)


def test_ctrl_c_while_it_starts_leaves_nothing_either(command: subprocess.Popen[bytes], directory: Path) -> None:
    _until(lambda: "sam-api" in _on_record(directory) or command.poll() is not None, START_SECONDS)
    engine = docker.engine_of(directory)
    assert engine is not None
    command.send_signal(signal.SIGINT)
    assert command.wait(STOP_SECONDS) == 0, (directory / "said").read_text()
    _nothing_is_left(engine, directory)


def _nothing_is_left(engine: docker.Engine, directory: Path) -> None:
    assert marked(directory) == []
    assert not any(str(directory) in row for row in Path("/proc/self/mounts").read_text().splitlines())
    if engine.private:
        assert docker.engine_of(directory) is None
        assert list((directory / "docker" / "data" / "containers").iterdir()) == []
        links = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
        assert docker.link_name(directory) not in links
    else:
        assert engine.containers_of(directory) == []


def _on_record(directory: Path) -> str:
    try:
        return (directory / "processes.json").read_text()
    except OSError:
        return ""


def _until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)
