"""`make localstack`: one sentence without Docker; else the whole stack with the vendored build, at an endpoint given.

MiniStack stands in for LocalStack, whose image can't be had everywhere: the way there is the same code.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack import docker, localstack_target
from localstack.interpreters import version
from localstack.processes import Processes, plain_environment, wait_until
from localstack.servers import emulator
from localstack.template import ROOT

START_SECONDS = 240


def test_without_docker_it_says_so_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("PYTHON_RUNTIME", f"python{version(sys.executable)}")
    monkeypatch.setattr(docker, "running_engine", lambda: None)
    monkeypatch.setattr(sys, "argv", ["localstack_target", "--directory", str(tmp_path / "run"), "--port", "0"])
    assert localstack_target.main() == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("eatit: LocalStack runs as a container")
    assert "\n" not in said
    assert not (tmp_path / "run" / "stack.json").exists()


@pytest.fixture
def endpoint_url(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "emulator" / "logs").mkdir(parents=True)
    processes = Processes(tmp_path / "emulator")
    yield emulator.start(processes)
    processes.end(["emulator"])


@pytest.mark.usefixtures("system_packages")
def test_vendored_build_runs_the_shop_at_a_given_endpoint(endpoint_url: str, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    environment = {
        # Not this process's own: tests of the functions leave the servers of another stack in it.
        **plain_environment(),
        "AWS_ENDPOINT_URL": endpoint_url,
        # This emulator runs functions under the interpreter that it runs under itself.
        "PYTHON_RUNTIME": f"python{version(sys.executable)}",
    }
    with (tmp_path / "out.log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "localstack.localstack_target",
             "--directory", str(directory), "--port", "0", "--no-demo"],
            cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    stack = directory / "stack.json"
    try:
        assert wait_until(lambda: stack.exists() or process.poll() is not None, START_SECONDS)
        assert process.poll() is None, (tmp_path / "out.log").read_text()
        said = json.loads(stack.read_text())
        assert said["lambda_endpoint_url"] == endpoint_url
        assert said["pids"]["emulator"] is None
        for group in ("auth", "store", "basket"):
            with urllib.request.urlopen(f"{said['url']}/{group}/health", timeout=30) as answer:
                assert json.load(answer)["status"] == "ok"
    finally:
        process.terminate()
        code = process.wait(60)
    assert code == 0, (tmp_path / "out.log").read_text()
    assert not stack.exists()
