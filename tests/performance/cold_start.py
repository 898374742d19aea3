"""Cold starts of what was built: fresh interpreters that import a handler as Lambda does, beside a FastAPI hello."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from localstack import build, interpreters
from localstack.template import functions, read

HANDLERS: dict[str, str] = {
    name: resource["Properties"]["Handler"]
    for name, resource in read()["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
}
# The peer: the least that FastAPI can be on Lambda, built, compiled and imported in the same way.
HELLO = "hello.app.handler"
_HELLO_SOURCE = """
from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


@app.get("/hello")
async def hello() -> dict[str, str]:
    return {"hello": "world"}


handler = Mangum(app, lifespan="off")
"""
# What Lambda's Python runtime brings by itself, last on the path.
_RUNTIME = ("boto3", "botocore", "s3transfer", "dateutil", "six.py", "urllib3")

# The interpreter's own start is left out, since it is the same for all: the ratios come out larger, not smaller.
_CHILD = """
import sys, time
sys.path[:0] = sys.argv[3:5]
sys.path.append(sys.argv[5])
begun = time.perf_counter()
import importlib, json
module, _, name = sys.argv[1].rpartition(".")
handler = getattr(importlib.import_module(module), name)
imported = time.perf_counter() - begun
modules = sorted(sys.modules)
class Context:
    function_name, memory_limit_in_mb, aws_request_id = "cold", 512, "00000000-0000-0000-0000-000000000000"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:cold"
    def get_remaining_time_in_millis(self):
        return 30_000
answer = answered = None
if sys.argv[2]:
    event = json.loads(sys.argv[2])
    begun_again = time.perf_counter()
    answer = handler(event, Context())
    answered = imported + time.perf_counter() - begun_again
print(json.dumps({"imported": imported, "answered": answered, "answer": answer, "modules": modules,
                  "afterwards": sorted(sys.modules)}))
"""


@dataclass(frozen=True)
class Start:
    """One cold start. Seconds from the first import to the handler imported, and to its first answer."""

    imported: float
    answered: float | None
    answer: Any
    modules: frozenset[str]
    afterwards: frozenset[str]


@dataclass(frozen=True)
class Ratio:
    """How many times longer one thing took than its peer, measured in turn in one run; seconds beside it."""

    median: float
    least: float
    most: float
    quickest: float
    """The quickest of the one by the quickest of the other: what is left of the ratio without other work's noise."""
    seconds: float
    peer_seconds: float

    @classmethod
    def of(cls, samples: Sequence[float], peers: Sequence[float]) -> Ratio:
        """From pairs: `median`, `least` and `most` are of the pairs' ratios."""
        ratios = [one / peer for one, peer in zip(samples, peers, strict=True)]
        return cls(
            statistics.median(ratios), min(ratios), max(ratios), min(samples) / min(peers),
            statistics.median(samples), statistics.median(peers),
        )  # fmt: skip

    @property
    def of_medians(self) -> float:
        """The median of the one by the median of the other."""
        return self.seconds / self.peer_seconds

    @property
    def surely(self) -> float:
        """What it is at the least: a busy machine lengthens one of the two, a slower program both."""
        return min(self.median, self.quickest)


class Laid:
    """Every function and the layers as Lambda lays them: a task root for each package, and one `/opt/python`."""

    def __init__(self, home: Path) -> None:
        built = build.build()
        self._opt = home / "opt" / "python"
        for archive in built.layers.values():
            _unpack(archive, home / "opt")
        self._tasks: dict[str, Path] = {}
        for name, package in functions(read()).items():
            if package not in self._tasks:
                self._tasks[package] = _unpack(built.artefacts[name], home / package)
        self._tasks["hello"] = _hello(home / "hello")
        self._runtime = home / "runtime"
        self._runtime.mkdir()
        here = Path(boto3.__file__).parent.parent
        for name in _RUNTIME:
            (self._runtime / name).symlink_to(here / name)

    def start(self, handler: str, event: Any = None, environment: Mapping[str, str] | None = None) -> Start:
        """Import `handler` (`store.app.handler`) in an interpreter of its own and, with an event, let it answer."""
        said = self.run(_CHILD, handler, event, environment)
        return Start(
            said["imported"], said["answered"], said["answer"],
            frozenset(said["modules"]), frozenset(said["afterwards"]),
        )  # fmt: skip

    def run(self, script: str, handler: str, given: Any, environment: Mapping[str, str] | None = None) -> Any:
        """What `script` prints as JSON in its last line, in an interpreter of its own: its arguments are the handler,
        what is given it as JSON, and the three roots of its path."""
        roots = (self._tasks[handler.partition(".")[0]], self._opt, self._runtime)
        told = "" if given is None else json.dumps(given)
        run = subprocess.run(
            [sys.executable, "-I", "-S", "-c", script, handler, told, *map(str, roots)],
            env={"PATH": os.environ["PATH"], **_LAMBDA, **(environment or {})},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if run.returncode != 0:
            raise AssertionError(f"{handler} doesn't run: {run.stderr}")
        return json.loads(run.stdout.splitlines()[-1])


_LAMBDA = {"POWERTOOLS_SERVICE_NAME": "cold", "POWERTOOLS_METRICS_NAMESPACE": "EatIt", "AWS_REGION": "us-east-1"}


def _unpack(archive: Path, into: Path) -> Path:
    with zipfile.ZipFile(archive) as file:
        file.extractall(into)
    return into


def _hello(root: Path) -> Path:
    package = root / "hello"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "app.py").write_text(_HELLO_SOURCE)
    interpreters.compile_all(sys.executable, root, "/var/task")
    return root


def compared(rounds: int, peer: Callable[[], float], others: Mapping[str, Callable[[], float]]) -> dict[str, Ratio]:
    """Each of `others` against `peer`, all in turn so that what else the machine does falls on all alike.

    The first round is thrown away: it reads the files from the disk.
    """
    peers: list[float] = []
    samples: dict[str, list[float]] = {name: [] for name in others}
    for _ in range(rounds + 1):
        peers.append(peer())
        for name, measure in others.items():
            samples[name].append(measure())
    return {name: Ratio.of(taken[1:], peers[1:]) for name, taken in samples.items()}
