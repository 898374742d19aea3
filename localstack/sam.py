"""`python -m localstack.sam`: the same shop, its functions served by the real `sam local` in containers.

The servers, the edge, the triggers and the emulator for Secrets Manager and S3 are the local stack's own. SAM CLI takes
the emulator's place as gateway (`start-api`) and as the Lambda Invoke API that the triggers call (`start-lambda`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from localstack import bridge, build, commands, deploy, docker, interpreters, sam_local
from localstack.failures import StackFailure
from localstack.lambda_image import STAND_IN_PYTHONS, LambdaImage, lambda_image
from localstack.sam_cli import CACHE, sam_cli
from localstack.servers import emulator
from localstack.stack import FILES_BUCKET, STAGE, Options, Stack
from localstack.template import ROOT, default, read

# Addresses for those outside: no container goes there.
READ_BY_PEOPLE = ("ShopUrl", "PublicUrl", "S3Url", "PhotosUrl")
# What the emulator makes of the template: everything that the functions lean on, and none of the functions.
SERVED_BY_SAM = ("AWS::Serverless::", "AWS::Lambda::", "AWS::Logs::")


class SamStack(Stack):
    """A local stack whose functions SAM CLI serves."""

    FUNCTIONS_LOG = f"{sam_local.API}.log"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._engine: docker.Engine | None = None
        self._sam = Path()
        self._image = LambdaImage("", None)
        self._architecture = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"

    def bring_up(self) -> dict[str, Any]:
        """As for any stack, once it is clear that there can be a Docker engine."""
        unable = None if docker.running_engine() else docker.why_no_engine()
        if unable:
            raise StackFailure(unable)
        return super().bring_up()

    def _build(self) -> build.Built:
        pythons = interpreters_at_hand()
        engine = self._engine = docker.engine(self.processes, self.say)
        self.say(f"Docker {'runs in the run directory' if engine.private else 'is used as it runs here'}")
        with ThreadPoolExecutor(2) as pool:
            program = pool.submit(sam_cli)
            self._image = lambda_image(
                engine,
                list(pythons),
                self._architecture,
                cache=CACHE,
                log=self.processes.logs / "lambda-image.log",
                progress=self.say,
            )
            self._sam = program.result()
        built = sam_local.stage(self.processes, pythons[self._image.python], self._architecture)
        self.say(f"functions and layers are built for Python {built.python}")
        return built

    def _stand(self, built: build.Built) -> deploy.Deployment:
        assert self._engine is not None
        self._stand_resources()
        host = self._engine.address or bridge.DESKTOP
        if self._engine.address:
            at = self.at
            servers = (at.database_url, at.redis_url, at.amqp_url, at.endpoint_url, at.mail_url)
            bridge.start(self.processes, host, servers)
        parameters = {
            **{
                name: value if name in READ_BY_PEOPLE else bridge.as_containers_see(value, host)
                for name, value in self.parameters().items()
            },
            "Stage": STAGE,
            "PythonRuntime": f"python{built.python}",
            "Architecture": self._architecture,
        }
        served = sam_local.start(
            self.processes,
            sam=self._sam,
            engine=self._engine,
            image=self._image,
            parameters=parameters,
            # SAM CLI leaves a variable empty whose value in the template is an Fn::If.
            # SAM CLI knows no bucket's name either.
            environment={"AWS_ENDPOINT_URL": bridge.as_containers_see(self.at.endpoint_url, host), **self._files()},
        )
        self.at.lambda_url = served.lambda_url
        self.say(f"SAM CLI serves {len(built.artefacts)} functions at {served.gateway_url}")
        return deploy.Deployment({name: name for name in built.artefacts}, served.gateway_url, {})

    def _stand_resources(self) -> None:
        template = read()
        kept = {
            name: resource
            for name, resource in template["Resources"].items()
            if not resource["Type"].startswith(SERVED_BY_SAM)
        }
        cut = {key: template[key] for key in ("AWSTemplateFormatVersion", "Parameters", "Conditions")}
        body = json.dumps({**cut, "Resources": kept})
        values = {"Stage": STAGE, **self.parameters()}
        deploy.apply(self.at.endpoint_url, f"eatit-{STAGE}-resources", body, values, 60)

    def _environment(self, functions: dict[str, str]) -> dict[str, str]:
        # SAM CLI can't be asked for it, as an emulator can.
        if not functions:
            return {}
        template = read()
        values = {"Stage": STAGE, **self.parameters()}
        found: dict[str, str] = {}
        for name, value in template["Globals"]["Function"]["Environment"]["Variables"].items():
            if isinstance(value, str):
                found[name] = value
            elif "Ref" in value:
                found[name] = values.get(value["Ref"]) or default(template, value["Ref"])
            elif "Fn::Sub" in value:
                found[name] = value["Fn::Sub"].replace("${Stage}", STAGE)
        return {**found, **self._files(), "AWS_ENDPOINT_URL": self.at.endpoint_url, **emulator.ACCESS}

    def _files(self) -> dict[str, str]:
        return {
            "FILES_BUCKET": FILES_BUCKET,
            "S3_URL": self.at.endpoint_url,
            "PHOTOS_URL": f"{self.at.endpoint_url}/{FILES_BUCKET}",
        }


def interpreters_at_hand() -> dict[str, str]:
    """Paths of interpreters to build with, by version, best first: PYTHON_RUNTIME's alone, else this one's and those
    that a stand-in image can be made for. Raises StackFailure when PYTHON_RUNTIME names one that isn't here.
    """
    asked = os.environ.get("PYTHON_RUNTIME", "").removeprefix("python")
    if asked:
        return {asked: interpreters.of_runtime(f"python{asked}")}
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}
    for version in STAND_IN_PYTHONS:
        if version not in found:
            try:
                found[version] = interpreters.of_runtime(f"python{version}")
            except StackFailure:
                continue
    return found


def main() -> int:
    """Serve the shop by SAM CLI: `run` stays until Ctrl-C or SIGTERM, `up` returns when ready, `stop` ends it."""
    parser = argparse.ArgumentParser(prog="python -m localstack.sam", description=main.__doc__)
    parser.add_argument("command", choices=("run", "up", "stop"), nargs="?", default="run")
    parser.add_argument("--directory", type=Path, default=ROOT / ".run", help="where its data lies (.run)")
    parser.add_argument("--port", type=int, default=8080, help="where the shop answers; 0 for a free one")
    parser.add_argument("--no-demo", action="store_true", help="demo users, but no demo goods")
    given = parser.parse_args()
    try:
        if given.command == "stop":
            return commands.stop(given.directory)
        options = Options(given.directory.resolve(), given.port, not given.no_demo)
        return commands.run(options, SamStack) if given.command == "run" else commands.up(options, SamStack)
    except StackFailure as failure:
        print(f"eatit: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
