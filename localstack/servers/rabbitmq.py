"""The private RabbitMQ: the system package's server with a node, cookie, epmd, user and data directory of its own."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from urllib.parse import quote, urlsplit

import pika
import pika.exceptions

from localstack.credentials import Login
from localstack.failures import StackFailure
from localstack.packages import find_program
from localstack.ports import LOOPBACK, answers, free_port
from localstack.processes import Processes, plain_environment

CONFIGURATION = Path(__file__).parent.parent / "rabbitmq" / "rabbitmq.conf"
# Where Erlang keeps epmd, which not every package puts on PATH.
ERLANG = (
    Path("/usr/lib/erlang"),
    Path("/opt/homebrew/opt/erlang/lib/erlang"),
    Path("/usr/local/opt/erlang/lib/erlang"),
)
# Quorum queues that lose nothing on their way to where messages are parked.
OLDEST = (3, 10)
# The schedulers of Erlang spin for work by default, which costs a small machine a good part of a core.
NO_SPINNING = "+sbwt none +sbwtdcpu none +sbwtdio none"


def start(processes: Processes, login: Login, *, port: int | None = None) -> str:
    """Starts epmd and the broker, with `login` as its one user, and waits; answers the URL with user and password.

    `port` is for one that comes back where it was; else any that is free.

    Raises StackFailure when the package is missing, or ServerDied.
    """
    home = processes.run_directory / "rabbitmq"
    home.mkdir(mode=0o700, exist_ok=True)
    port, epmd_port, distribution_port = port or free_port(), free_port(), free_port()
    settings = home / "rabbitmq.conf"
    _private_file(
        settings,
        CONFIGURATION.read_text()
        .replace("@PORT@", str(port))
        .replace("@USER@", login.username)
        .replace("@PASSWORD@", login.password),
    )
    cookie = home / ".erlang.cookie"
    if not cookie.exists():
        _private_file(cookie, secrets.token_hex(24), mode=0o400)
    (home / "enabled_plugins").write_text("[].\n")
    (home / "rabbitmq-env.conf").write_text("")
    environment = plain_environment(
        HOME=str(home),
        ERL_EPMD_PORT=str(epmd_port),
        ERL_EPMD_ADDRESS=LOOPBACK,
        RABBITMQ_NODENAME="eatit@localhost",
        RABBITMQ_NODE_PORT=str(port),
        RABBITMQ_NODE_IP_ADDRESS=LOOPBACK,
        RABBITMQ_DIST_PORT=str(distribution_port),
        RABBITMQ_MNESIA_BASE=str(home / "mnesia"),
        RABBITMQ_LOG_BASE=str(processes.logs),
        RABBITMQ_LOGS="-",
        RABBITMQ_CONFIG_FILE=str(settings),
        RABBITMQ_ADVANCED_CONFIG_FILE=str(home / "advanced.config"),
        RABBITMQ_CONF_ENV_FILE=str(home / "rabbitmq-env.conf"),
        RABBITMQ_ENABLED_PLUGINS_FILE=str(home / "enabled_plugins"),
        RABBITMQ_GENERATED_CONFIG_DIR=str(home / "config"),
        RABBITMQ_PID_FILE=str(home / "pid"),
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=f"{NO_SPINNING} -kernel inet_dist_use_interface {{127,0,0,1}}",
        ERL_CRASH_DUMP=str(processes.logs / "rabbitmq.crashdump"),
        # The script then becomes the broker instead of watching over it, and the pid on record is the broker's.
        RUNNING_UNDER_SYSTEMD="true",
        LC_ALL="C.UTF-8",
    )
    # Started here rather than by the broker, whose own epmd would be a daemon that outlives it.
    port_mapper: list[str | Path] = [_program("epmd"), "-port", str(epmd_port), "-address", LOOPBACK]
    epmd = processes.start("epmd", port_mapper, environment=environment)
    processes.wait_ready("RabbitMQ's epmd", epmd, lambda: answers(epmd_port), log="epmd")
    child = processes.start("rabbitmq", [_program("rabbitmq-server")], environment=environment, directory=home)
    url = f"amqp://{quote(login.username, safe='')}:{quote(login.password, safe='')}@{LOOPBACK}:{port}/%2F"
    processes.wait_ready("RabbitMQ", child, lambda: _answers(port, url), log="rabbitmq", seconds=90)
    return _new_enough(url)


def given(url: str) -> str:
    """A broker of somebody else's, at `url`, when it lets us in. Raises StackFailure when it doesn't."""
    try:
        parts = urlsplit(url)
        opened = parts.scheme in ("amqp", "amqps") and _opens(url)
    except ValueError:
        opened = False
    if not opened:
        raise StackFailure(
            "RabbitMQ at AMQP_URL does not let us in: start it, correct the URL (amqp://user:password@host:5672/%2F), "
            "or unset the variable to get one."
        )
    return _new_enough(url)


def _new_enough(url: str) -> str:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    version = str((connection._impl.server_properties or {}).get("version", ""))
    connection.close()
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if len(numbers) == len(OLDEST) and numbers < OLDEST:
        raise StackFailure(f"RabbitMQ {version} is too old, 3.10 or newer is needed: set AMQP_URL to one.")
    return url


def _program(name: str) -> Path:
    found = find_program(name) or next((path for place in ERLANG for path in place.glob(f"erts-*/bin/{name}")), None)
    if found is None:
        raise StackFailure(f"EatIt needs the program {name}: install the system package rabbitmq-server.")
    return found


def _private_file(path: Path, text: str, *, mode: int = 0o600) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)


def _answers(port: int, url: str) -> bool:
    # pika complains in its log about every refused connection, so the port is asked first.
    return answers(port) and _opens(url)


def _opens(url: str) -> bool:
    parameters = pika.URLParameters(url)
    parameters.socket_timeout, parameters.stack_timeout = 3, 5
    try:
        pika.BlockingConnection(parameters).close()
    except (pika.exceptions.AMQPError, OSError, socket.gaierror):
        return False
    return True
