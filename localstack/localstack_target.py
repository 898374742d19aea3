"""`python -m localstack.localstack_target`: the same shop, its functions on LocalStack instead of MiniStack.

The servers, the edge and the triggers are the local stack's own. LocalStack comes from docker-compose.yml, or is the
one at AWS_ENDPOINT_URL. Its token-free tier mounts no layers, so every artefact holds the third-party code.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from localstack import bridge, build, commands, deploy, docker, interpreters
from localstack.failures import StackFailure
from localstack.packages import find_program
from localstack.ports import free_port
from localstack.servers import emulator
from localstack.stack import STAGE, Options, Stack
from localstack.template import ROOT

COMPOSE = ROOT / "docker-compose.yml"
# LocalStack runs functions in AWS's own images, and the one for 3.11 has a C library too old for some wheels on arm64.
VERSIONS = ("3.13", "3.12", "3.14", *(["3.11"] if platform.machine() == "x86_64" else []))
# A first pull of the image, on a slow line.
PULL_SECONDS = 1200
DEPLOY_SECONDS = 600
SERVERS = {"DATABASE_URL": "DatabaseUrl", "REDIS_URL": "RedisUrl", "AMQP_URL": "AmqpUrl", "MAIL_URL": "MailUrl"}


class LocalStackStack(Stack):
    """A local stack whose gateway and functions are LocalStack's."""

    FUNCTIONS_LOG = "localstack.log"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._engine: docker.Engine | None = None
        self._held = ExitStack()

    def bring_up(self) -> dict[str, Any]:
        """As for any stack, once it is clear that LocalStack can be had."""
        interpreter()
        self._engine = docker.running_engine()
        if self._engine is None and not os.environ.get("AWS_ENDPOINT_URL"):
            raise StackFailure(
                "LocalStack runs as a container, and no Docker engine answers here: start Docker, "
                "or set AWS_ENDPOINT_URL to a LocalStack that runs already."
            )
        return super().bring_up()

    def leave(self) -> None:
        """Removes LocalStack's container."""
        self._held.close()

    def _emulator(self) -> None:
        if os.environ.get("AWS_ENDPOINT_URL"):
            super()._emulator()
            return
        port = free_port()
        if self._compose("version", port=port).returncode != 0:
            raise StackFailure(
                "LocalStack is started by docker compose, which is missing here: install Docker's compose plugin, "
                "or set AWS_ENDPOINT_URL to a LocalStack that runs already."
            )
        self.say("starting LocalStack (the first time its image is pulled)")
        started = self._compose("up", "--detach", "--wait", "localstack", port=port)
        if started.returncode != 0:
            said = [line.strip() for line in started.stderr.splitlines() if line.strip()]
            raise StackFailure(
                f"LocalStack can't be started by docker compose: {said[-1] if said else 'no reason told'}"
            )
        # The container is no process of ours: it is removed with the rest all the same.
        self._held.callback(self._compose, "rm", "--stop", "--force", "localstack", port=port)
        self.at.endpoint_url = self.at.lambda_url = f"http://127.0.0.1:{port}"
        if not emulator.healthy(self.at.endpoint_url):
            raise StackFailure(f"LocalStack was started, and doesn't answer at {self.at.endpoint_url}.")
        self.say(f"LocalStack is ready at {self.at.endpoint_url}")

    def _compose(self, *arguments: str, port: int) -> subprocess.CompletedProcess[str]:
        # Compose wants every variable of the file, also those of services that stay off.
        environment = {
            **os.environ,
            **(self._engine.environment if self._engine else {}),
            "LOCALSTACK_PORT": str(port),
            "POSTGRES_PASSWORD": self.secrets.postgres,
            "RABBITMQ_PASSWORD": self.secrets.broker,
        }
        project = f"eatit-{port}"
        command = [str(find_program("docker") or "docker"), "compose", "--file", str(COMPOSE),
                   "--project-name", project, "--profile", "localstack", *arguments]  # fmt: skip
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=PULL_SECONDS
        )

    def _build(self) -> build.Built:
        built = build.build(vendored=True, python=interpreter())
        self.say(f"functions are built for Python {built.python}, the third-party code in each")
        return built

    def _stand(self, built: build.Built) -> deploy.Deployment:
        host = (self._engine and self._engine.address) or bridge.DESKTOP
        if self._engine is not None and self._engine.address:
            servers = (self.at.database_url, self.at.redis_url, self.at.amqp_url, self.at.mail_url)
            bridge.start(self.processes, host, servers)
        # Without an engine here, a LocalStack that was given runs functions somewhere of its own.
        parameters = {
            name: bridge.as_containers_see(value, host) if self._engine and name in SERVERS.values() else value
            for name, value in self.parameters().items()
        }
        return deploy.deploy(
            self.at.endpoint_url, stage=STAGE, parameters=parameters, built=built, timeout=DEPLOY_SECONDS
        )

    def _environment(self, functions: dict[str, str]) -> dict[str, str]:
        # stack.json is read on this machine, where the servers have other addresses than in the containers.
        here = {name: self.parameters()[parameter] for name, parameter in SERVERS.items()}
        return {**super()._environment(functions), **here} if functions else {}


def interpreter() -> str:
    """The path of an interpreter to build with: PYTHON_RUNTIME's, else the first of 3.13, 3.12 and 3.14 that is here.

    Raises StackFailure when there is none.
    """
    asked = os.environ.get("PYTHON_RUNTIME")
    if asked:
        return interpreters.of_runtime(asked)
    for version in VERSIONS:
        try:
            return interpreters.of_runtime(f"python{version}")
        except interpreters.NoInterpreter:
            continue
    raise StackFailure(
        f"LocalStack runs functions in AWS's images, and there is no Python {', '.join(VERSIONS)} here to build for "
        "them: install one, for example by uv python install 3.13."
    )


def main() -> int:
    """Serve until Ctrl-C or SIGTERM; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m localstack.localstack_target", description=main.__doc__)
    parser.add_argument("--directory", type=Path, default=ROOT / ".run", help="where its data lies (.run)")
    parser.add_argument("--port", type=int, default=8080, help="where the shop answers; 0 for a free one")
    parser.add_argument("--no-demo", action="store_true", help="demo users, but no demo goods")
    given = parser.parse_args()
    try:
        return commands.run(Options(given.directory.resolve(), given.port, not given.no_demo), LocalStackStack)
    except StackFailure as failure:
        print(f"eatit: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
