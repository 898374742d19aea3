"""The embedded AWS emulator (MiniStack): REST API gateway, Lambda, S3, Secrets Manager, on a loopback port."""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from localstack.deploy import BUCKET
from localstack.ports import LOOPBACK, free_port, is_free
from localstack.processes import Processes, plain_environment, python

REGION = "us-east-1"
# What any client of the emulator signs with; it checks presigned addresses alone.
ACCESS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
# A worker that has been started stays for a working day: starting one costs a second or more.
WARM_SECONDS = 8 * 3600
# How many calls of one function run at once behind the gateway; the others wait their turn.
WORKERS_PER_FUNCTION = max(4, min(8, os.cpu_count() or 4))
# The backstop over all functions together, which the queue above keeps from ever being reached.
ACCOUNT_CONCURRENCY = 100


def start(processes: Processes) -> str:
    """Starts the emulator with nothing in it and waits for it; answers its URL. Raises ServerDied."""
    home = processes.run_directory / "emulator"
    scratch = home / "tmp"
    # A killed emulator leaves the unpacked code of its workers behind.
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    # Photos stay; the artefacts come anew with every deployment and would pile up.
    for artefacts in (home / "s3").glob(f"*/{BUCKET}"):
        shutil.rmtree(artefacts)
    port = _port(home / "port")
    environment = plain_environment(
        **ACCESS,
        # Without it the emulator listens on all addresses.
        BIND_HOST=LOOPBACK,
        GATEWAY_PORT=str(port),
        EDGE_PORT=str(port),
        MINISTACK_HOST=LOOPBACK,
        MINISTACK_REGION=REGION,
        TMPDIR=str(scratch),
        STATE_DIR=str(home / "state"),
        PERSIST_STATE="0",
        S3_PERSIST="1",
        S3_DATA_DIR=str(home / "s3"),
        LAMBDA_EXECUTOR="local",
        LAMBDA_WARM_TTL_SECONDS=str(WARM_SECONDS),
        LAMBDA_ACCOUNT_CONCURRENCY=str(ACCOUNT_CONCURRENCY),
        EATIT_FUNCTIONS_LOG=str(processes.logs / "functions.log"),
        EATIT_WORKERS_PER_FUNCTION=str(WORKERS_PER_FUNCTION),
        # No listeners beside the one, and hands off a Docker engine that happens to run here.
        SFTP_ENABLED="0",
        IOT_MTLS_ENABLED="0",
        DOCKER_HOST=f"unix://{home / 'no-docker.sock'}",
        LOG_LEVEL="INFO",
        PYTHONUNBUFFERED="1",
        # Lets the process find this package; localstack.emulator takes it away again before any function runs.
        PYTHONPATH=str(Path(__file__).resolve().parents[2]),
    )
    child = processes.start("emulator", [python(), "-m", "localstack.emulator"], environment=environment)
    url = f"http://{LOOPBACK}:{port}"
    processes.wait_ready("The AWS emulator", child, lambda: healthy(url), log="emulator")
    return url


def _port(kept: Path) -> int:
    """The port of the last run where it is still free, as the addresses of photos hold it; else another."""
    said = kept.read_text(encoding="ascii") if kept.exists() else ""
    port = int(said) if said.isdigit() and is_free(int(said)) else free_port()
    kept.write_text(str(port), encoding="ascii")
    return port


def healthy(url: str) -> bool:
    """Whether an emulator answers at `url`."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/_localstack/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
