"""The pinned SAM CLI in an environment of its own: `python -m localstack.sam_cli ARGUMENTS` runs it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from localstack.failures import StackFailure
from localstack.processes import plain_environment
from localstack.template import ROOT

# SAM CLI pins some ninety packages, several at other versions than the functions': hence not in .venv.
REQUIREMENTS = Path(__file__).with_name("sam-requirements.txt")
CACHE = ROOT / ".run" / "cache"
REGION = "us-east-1"


def sam_cli(cache: Path = CACHE) -> Path:
    """The program `sam`, its environment made in `cache` at first use (some 200 MB, seconds from uv's cache).

    Raises StackFailure with uv's own reason when a package can't be had.
    """
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    home = cache / f"sam-cli-{digest}"
    program, whole = home / "bin" / "sam", home / "whole"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "sam-cli.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(home, ignore_errors=True)
            _uv("venv", "--no-config", "--python", sys.executable, str(home))
            _uv("pip", "sync", "--no-config", "--python", str(home / "bin" / "python"), str(REQUIREMENTS))
            whole.touch()
    return program


def sam_environment(home: Path, **extra: str) -> dict[str, str]:
    """What SAM CLI runs in: `home` for the files that it keeps, no account, no telemetry, and `extra`.

    Credentials are kept from it on purpose: with any it asks STS whose they are, nine seconds a start without a
    network. Without them it gives the functions made-up ones, unless their variables name others.
    """
    nothing = os.devnull
    return {
        **plain_environment(),
        "HOME": str(home),
        "AWS_CONFIG_FILE": nothing,
        "AWS_SHARED_CREDENTIALS_FILE": nothing,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": REGION,
        "SAM_CLI_TELEMETRY": "0",
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
        **extra,
    }


def _uv(*arguments: str) -> None:
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    try:
        done = subprocess.run(
            [uv, "--quiet", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    except FileNotFoundError as error:
        raise StackFailure("SAM CLI is installed by uv, which is not here: run `make`, or pip install uv.") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["uv said nothing"]
        raise StackFailure(f"SAM CLI could not be installed: {said[-1].strip()}.")


def main() -> int:
    """Run SAM CLI with this command's arguments; its exit code."""
    try:
        program = sam_cli()
    except StackFailure as failure:
        print(failure, file=sys.stderr)
        return 1
    home = CACHE / "sam-home"
    home.mkdir(parents=True, exist_ok=True)
    # `sam build` runs the makefiles, and those uv: PYTHON_RUNTIME stays, and how this machine reaches packages.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run([program, *sys.argv[1:]], env={**kept, **sam_environment(home)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
