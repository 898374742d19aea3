"""The running shop that tests talk to: started once a session on free ports, ended with it.

`EATIT_STACK_KIND=sam` starts it under the real SAM CLI; `EATIT_STACK_DIRECTORY=.run` uses one that runs already.
"""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localstack import docker
from localstack.stack import SHOP_RULES
from tests import secrets_seen

# Powertools reads these when a function's module is imported, which is before any fixture runs.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "tests")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "EatIt")

ROOT = Path(__file__).parent.parent
MODULES = {"local": "localstack", "sam": "localstack.sam"}
START_SECONDS = 600
TRIED_OUT = {"SECOND_FACTOR", *(variable for _, variable, _ in SHOP_RULES)}


def pytest_configure(config: pytest.Config) -> None:
    """The search of all logs for secrets is a plugin, which test code imports too."""
    config.pluginmanager.register(secrets_seen, "secrets_seen")


@pytest.fixture(scope="session")
def stack() -> Iterator[dict[str, Any]]:
    """What `.run/stack.json` says of the running shop."""
    given = os.environ.get("EATIT_STACK_DIRECTORY")
    if given:
        yield _watched(Path(given))
        return
    directory = ROOT / ".run" / "tests" / uuid.uuid4().hex[:8]
    kind = os.environ.get("EATIT_STACK_KIND", "local")
    if kind == "sam":
        _need_docker()
    module = MODULES[kind]
    command = [sys.executable, "-m", module]
    options = ["--directory", str(directory)]
    started = subprocess.run(
        [*command, "up", *options, "--port", "0"],
        cwd=ROOT,
        # Whose developer tries a policy out has tests all the same.
        env={name: value for name, value in os.environ.items() if name not in TRIED_OUT},
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield _watched(directory)
    finally:
        subprocess.run([*command, "stop", *options], cwd=ROOT, capture_output=True, timeout=120, check=False)
        forget_run(directory)


def forget_run(directory: Path) -> None:
    """Remove an ended stack's data. The logs stay to be read; the rest is 60 MB a run, and 400 under SAM."""
    for entry in directory.iterdir() if directory.is_dir() else ():
        if entry.is_dir() and entry.name != "logs":
            shutil.rmtree(entry, ignore_errors=True)


def _watched(directory: Path) -> dict[str, Any]:
    """What `stack.json` says; the stack's logs are searched for secrets when the run ends."""
    secrets_seen.watch(directory)
    told: dict[str, Any] = json.loads((directory / "stack.json").read_text())
    secrets_seen.note_body(told["users"])
    return told


def _need_docker() -> None:
    """Skips what runs under SAM where there can be no Docker engine; in CI that is a failure."""
    unable = None if docker.running_engine() else docker.why_no_engine()
    if unable and os.environ.get("CI") == "true":
        pytest.fail(unable, pytrace=False)
    if unable:
        pytest.skip(unable)


@pytest.fixture(scope="session")
def in_process(stack: dict[str, Any]) -> dict[str, Any]:
    """The functions' own environment in this process, so that handlers can be called here."""
    os.environ.update(stack["environment"])
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    return stack
