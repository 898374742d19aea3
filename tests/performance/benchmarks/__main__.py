"""`make bench`: starts a stack of its own, measures, and prints the rows of docs/performance.md.

`EATIT_STACK_DIRECTORY=.run` measures on a stack that runs already; names of benchmarks as arguments run those alone.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localstack.template import ROOT
from tests.performance.benchmarks.figures import HEADINGS
from tests.performance.requests_of import Shop

BENCHMARKS = (
    "cold_starts", "warm_read", "basket_change", "sign_in", "telling_times", "refresh", "verification", "memory",
    "freshness", "checkout", "checkouts", "relay", "lists", "search", "imports", "list_page",
)  # fmt: skip
START_SECONDS = 300


@contextmanager
def _stack() -> Iterator[dict[str, Any]]:
    given = os.environ.get("EATIT_STACK_DIRECTORY")
    if given:
        yield json.loads(Path(given, "stack.json").read_text())
        return
    directory = ROOT / ".run" / "bench" / uuid.uuid4().hex[:8]
    command = [sys.executable, "-m", "localstack"]
    subprocess.run(
        [*command, "up", "--directory", str(directory), "--port", "0"],
        cwd=ROOT, check=True, timeout=START_SECONDS, stdout=sys.stderr,
    )  # fmt: skip
    try:
        yield json.loads((directory / "stack.json").read_text())
    finally:
        subprocess.run([*command, "stop", "--directory", str(directory)], cwd=ROOT, check=False, stdout=sys.stderr)
        shutil.rmtree(directory, ignore_errors=True)


def _in_process(stack: dict[str, Any]) -> None:
    """Handlers can be called here, with the functions' own environment."""
    sys.path[:0] = [str(ROOT / "functions"), str(ROOT / "layers" / "eatit")]
    os.environ.update(stack["environment"], AWS_EC2_METADATA_DISABLED="true", POWERTOOLS_SERVICE_NAME="bench")


def main(names: list[str]) -> int:
    """Run these benchmarks, or all; the exit status is 1 when an aim was missed."""
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        print(
            f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}.", file=sys.stderr
        )
        return 2
    missed = 0
    with _stack() as stack:
        _in_process(stack)
        shop = Shop(stack)
        busy = f"load {os.getloadavg()[0]:.1f} at the start"
        print(f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores, {busy}\n")
        print(HEADINGS, flush=True)
        for name in names or BENCHMARKS:
            for figure in importlib.import_module(f"tests.performance.benchmarks.{name}").figures(stack, shop):
                print(figure.row(), flush=True)
                missed += figure.missed
        shop.close()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
