"""Serves the functions under the real `sam local start-api` and `sam local start-lambda`, in containers."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localstack import interpreters
from localstack.build import Built, stage_dependencies, stage_eatit, stage_package
from localstack.docker import SAM, Engine
from localstack.lambda_image import LambdaImage
from localstack.ports import LOOPBACK, answers, free_port
from localstack.processes import Processes
from localstack.sam_cli import REGION, sam_environment
from localstack.servers.emulator import ACCESS
from localstack.template import functions, read

TEMPLATE = "template.json"
LAYERS = ("EatitLayer", "DependenciesLayer")
API, LAMBDA = "sam-api", "sam-lambda"
FUNCTION, LAYER = "AWS::Serverless::Function", "AWS::Serverless::LayerVersion"


@dataclass(frozen=True)
class Served:
    """Where SAM CLI answers: `gateway_url` speaks HTTP as API Gateway does, `lambda_url` the Lambda Invoke API."""

    gateway_url: str
    lambda_url: str


def folder(processes: Processes) -> Path:
    """Where all that SAM CLI is given lies; its containers are known by having it mounted."""
    return processes.run_directory / SAM


def stage(processes: Processes, python: str, architecture: str) -> Built:
    """Lays the functions and layers, built by interpreter `python`, and the template that names them; their folders.

    What `sam build` would make, by the same builder; the template differs from the committed one in places of code
    and in the emulator's key alone. Raises StackFailure.
    """
    home = folder(processes)
    shutil.rmtree(home, ignore_errors=True)
    template = read()
    places: dict[str, Path] = {}
    for name, package in functions(template).items():
        places[name] = home / "functions" / package
        if not places[name].exists():
            stage_package(package, places[name], python)
    places["EatitLayer"] = home / "layers" / "eatit"
    stage_eatit(places["EatitLayer"] / "python", python)
    places["DependenciesLayer"] = home / "layers" / "dependencies"
    stage_dependencies(places["DependenciesLayer"] / "python", python, architecture)
    for name, resource in template["Resources"].items():
        key = {FUNCTION: "CodeUri", LAYER: "ContentUri"}.get(resource["Type"])
        if key:
            resource["Properties"][key] = str(places[name])
            resource.pop("Metadata", None)
    # SAM CLI has a key of its own making for functions that name none, and the emulator's S3, which checks presigned
    # addresses, refuses those that it signed. A function's declared variables come before SAM CLI's own.
    template["Globals"]["Function"]["Environment"]["Variables"].update(ACCESS)
    (home / TEMPLATE).write_text(json.dumps(template, indent=1), encoding="utf-8")
    layers = {name: place for name, place in places.items() if name in LAYERS}
    artefacts = {name: place for name, place in places.items() if name not in LAYERS}
    return Built(interpreters.version(python), vendored=False, artefacts=artefacts, layers=layers)


def start(
    processes: Processes,
    *,
    sam: Path,
    engine: Engine,
    image: LambdaImage,
    parameters: Mapping[str, str],
    environment: Mapping[str, str],
) -> Served:
    """Starts both of SAM CLI's servers and waits until they listen. Raises ServerDied.

    `parameters` are the template's; `environment` are the functions' variables whose values are this stack's own.
    """
    home = folder(processes)
    variables = home / "environment.json"
    variables.write_text(json.dumps({"Parameters": dict(environment)}, indent=1), encoding="utf-8")
    (home / "samconfig.toml").write_text("version = 0.1\n", encoding="utf-8")
    own_home = home / "home"
    own_home.mkdir(exist_ok=True)
    surroundings = sam_environment(own_home, **engine.environment, TMPDIR=str(_scratch(home)))
    options: list[str | Path] = [
        *("--template", home / TEMPLATE, "--config-file", home / "samconfig.toml", "--region", REGION),
        *("--env-vars", variables, "--layer-cache-basedir", home / "layer-cache"),
        # One container a function that stays; EAGER would start all at once and leave some behind at the end.
        *("--warm-containers", "LAZY", "--no-watch", "--host", LOOPBACK),
        *image.options,
        "--parameter-overrides",
        " ".join(f'{name}="{value}"' for name, value in parameters.items()),
    ]
    if engine.address is None:
        options += ["--add-host", "host.docker.internal:host-gateway"]
    ports = {API: free_port(), LAMBDA: free_port()}
    children = {
        name: processes.start(
            name,
            [sam, "local", verb, *options, "--port", str(ports[name])],
            environment=surroundings,
            directory=home,
            stop_signal=signal.SIGTERM,
        )
        for name, verb in ((API, "start-api"), (LAMBDA, "start-lambda"))
    }
    for name, child in children.items():
        processes.wait_ready("SAM CLI", child, lambda name=name: answers(ports[name]), log=name, seconds=90)  # type: ignore[misc]
    return Served(f"http://{LOOPBACK}:{ports[API]}", f"http://{LOOPBACK}:{ports[LAMBDA]}")


def _scratch(home: Path) -> Path:
    scratch = home / "tmp"
    scratch.mkdir(exist_ok=True)
    return scratch
