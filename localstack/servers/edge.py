"""The local edge: the system's nginx in front of a REST gateway, with our configuration and no rights of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from localstack.failures import StackFailure, last_words
from localstack.packages import find_program
from localstack.ports import LOOPBACK, answers, is_free
from localstack.processes import Processes, plain_environment

CONFIGURATION = Path(__file__).parent.parent / "nginx" / "nginx.conf"


def start(processes: Processes, *, port: int, gateway_url: str, stage: str) -> str:
    """Puts nginx on loopback `port` before the gateway at `gateway_url`; answers the edge's own URL.

    A gateway's URL may have a path (an emulator's /_aws/execute-api/{id}/{stage}), which is put before every path;
    `stage` is taken off the redirections that come back. Raises StackFailure or ServerDied.
    """
    program = find_program("nginx")
    if program is None:
        raise StackFailure("EatIt needs the program nginx: install the system package nginx.")
    if not is_free(port):
        raise port_taken(port)
    home = processes.run_directory / "nginx"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    gateway = urlsplit(gateway_url)
    words = {
        "@HOME@": str(home),
        "@LOG@": str(processes.logs / "edge.log"),
        "@PORT@": str(port),
        "@GATEWAY@": f"{gateway.hostname}:{gateway.port or 80}",
        "@PREFIX@": gateway.path.rstrip("/"),
        "@STAGE@": stage,
        # A worker that has changed its user could not enter a run directory under /root.
        "@USER@": "user root;" if os.geteuid() == 0 else "",
    }
    text = CONFIGURATION.read_text(encoding="utf-8")
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    settings = home / "nginx.conf"
    settings.write_text(text, encoding="utf-8")
    child = processes.start("nginx", [program, "-p", home, "-c", settings], environment=plain_environment())
    try:
        processes.wait_ready("nginx", child, lambda: answers(port) and child.poll() is None, log="nginx", seconds=20)
    except StackFailure:
        if "already in use" in last_words(processes.logs / "nginx.log").lower():
            raise port_taken(port) from None
        raise
    return f"http://{LOOPBACK}:{port}"


def port_taken(port: int, setting: str = "PORT") -> StackFailure:
    """What is said when something else listens on `port`; `setting` is what make calls it."""
    return StackFailure(
        f"Port {port} is taken by another program: end that one, or choose another port with {setting}={port + 1}."
    )
