"""Calls one function by its logical id, on the local stack or on a deployment: what `make rotate-keys` stands on.

`python -m localstack.invocation KeyRotationFunction '{"action": "rotate"}' [--environment staging]`
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localstack import deploy
from localstack.failures import StackFailure
from localstack.processes import Processes
from localstack.run_directory import content_of, why_not_up
from localstack.stack import Options, Stack
from localstack.template import ROOT

# What it writes into the emulator has to outlive the emulator, however that ends.
WRITES_SECRETS = ("KeyRotationFunction",)
CALL_SECONDS = 310


class CallFailed(StackFailure):
    """The function itself raised or ran out of time; `trace` is its stack or log, empty where none was told."""

    def __init__(self, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.trace = trace


def invoke(
    logical_id: str, event: Mapping[str, Any], *, environment: str | None = None, directory: Path = ROOT / ".run"
) -> dict[str, Any]:
    """Call a function of template.yaml and return its answer (None is an empty dictionary).

    Args:
        logical_id: as in template.yaml, such as `KeyRotationFunction`.
        event: what the function is given.
        environment: one of samconfig.toml's, called with your own AWS credentials; none is the local stack.
        directory: the local stack's run directory.

    Raises:
        CallFailed: the function failed.
        StackFailure: it couldn't be called; one plain sentence.
    """
    if environment is None:
        return on_local_stack(directory, logical_id, event)
    return on_deployment(stack_name(environment), logical_id, event)


def on_local_stack(directory: Path, logical_id: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """As `invoke`, on the local stack of a run directory."""
    directory = directory.resolve()
    content = content_of(directory)
    if content is None:
        raise StackFailure(f"{why_not_up(directory)}.")
    functions = content["functions"]
    if logical_id not in functions:
        raise StackFailure(f"There is no function {logical_id}; there are {', '.join(sorted(functions))}.")
    try:
        answer = deploy.invoke(content["lambda_endpoint_url"], functions[logical_id], event)
    except deploy.InvocationFailed as failure:
        raise CallFailed(f"{failure}.", failure.trace) from failure
    except ClientError as error:
        raise StackFailure(f"The AWS emulator refused the call: {error}.") from error
    except BotoCoreError as error:
        raise StackFailure(f"The AWS emulator doesn't answer: {error} See `make status`.") from error
    finally:
        if logical_id in WRITES_SECRETS:
            keep_written_secrets(directory)
    return answer


def on_deployment(name: str, logical_id: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """As `invoke`, in the CloudFormation stack `name`, with your own AWS credentials."""
    import boto3
    from botocore.config import Config

    try:
        resource = boto3.client("cloudformation").describe_stack_resource(StackName=name, LogicalResourceId=logical_id)
        physical_id = resource["StackResourceDetail"]["PhysicalResourceId"]
        # Never twice by itself: what is called here changes things.
        config = Config(read_timeout=CALL_SECONDS, retries={"total_max_attempts": 1})
        answer = boto3.client("lambda", config=config).invoke(
            FunctionName=physical_id, Payload=json.dumps(dict(event)).encode()
        )
    except (BotoCoreError, ClientError) as error:
        why = str(error).rstrip(".")
        raise StackFailure(f"{logical_id} of the stack {name} can't be called: {why}.") from error
    said = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        failed = said if isinstance(said, dict) else {"errorMessage": str(said)}
        told = f"{failed.get('errorType', 'Error')}: {failed.get('errorMessage', '')}".rstrip(".")
        raise CallFailed(f"{logical_id} of the stack {name} failed, {told}.", "".join(failed.get("stackTrace") or []))
    return said if isinstance(said, dict) else {} if said is None else {"result": said}


def stack_name(environment: str) -> str:
    """The CloudFormation stack of an environment, as samconfig.toml names it. Raises StackFailure for another."""
    settings: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text())
    try:
        return str(settings[environment]["global"]["parameters"]["stack_name"])
    except (KeyError, TypeError):
        known = ", ".join(sorted(set(settings) - {"version"}))
        raise StackFailure(f"samconfig.toml has no environment {environment}; it has {known}.") from None


def keep_written_secrets(directory: Path) -> None:
    """Takes what the functions wrote into the emulator over into the run directory, as far as there is an emulator."""
    content = content_of(directory)
    with contextlib.suppress(Exception):
        stack = Stack(Options(directory), Processes(directory), print)
        stack.at.endpoint_url = content["s3_endpoint_url"] if content else ""
        stack.keep_written_secrets()


def _object(text: str) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        read = json.loads(text)
        if isinstance(read, dict):
            return read
    raise StackFailure("The event is not a readable JSON object.")


def main() -> int:
    """Print what the function answered; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m localstack.invocation", description=main.__doc__)
    parser.add_argument("function", help="its logical id in template.yaml, such as KeyRotationFunction")
    parser.add_argument("event", nargs="?", default="{}", help="JSON ({})")
    parser.add_argument("--environment", help="one of samconfig.toml's; without it, the local stack")
    parser.add_argument("--directory", type=Path, default=ROOT / ".run", help="the local stack's directory (.run)")
    given = parser.parse_args()
    try:
        answer = invoke(given.function, _object(given.event), environment=given.environment, directory=given.directory)
    except StackFailure as failure:
        if isinstance(failure, CallFailed) and failure.trace:
            print(failure.trace, file=sys.stderr)
        print(f"eatit: {failure}", file=sys.stderr)
        return 1
    print(f"{given.function} of {given.environment or 'the local stack'}:")
    print(json.dumps(answer, indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
