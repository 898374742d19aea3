"""Deploys template.yaml to an AWS emulator through CloudFormation, and calls functions there: one way for all."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localstack.build import Built
from localstack.failures import StackFailure
from localstack.template import read
from localstack.translation import for_emulator

if TYPE_CHECKING:
    from pathlib import Path

REGION = "us-east-1"
BUCKET = "eatit-artefacts"
# Emulators take any; these are what their own documentation uses.
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
# Endpoints that answer no log beside the result: `sam local start-lambda` refuses to be asked for it.
_WITHOUT_LOGS: set[str] = set()
_making = threading.Lock()
_INLINE_LIMIT = 51_200  # CloudFormation's own, for a template sent with the call


class DeploymentFailed(StackFailure):
    """The emulator refused the stack; the message names the first resource that failed and its reason."""


class InvocationFailed(Exception):
    """A function raised, ran out of time or couldn't start: `kind` is the error's type, `trace` its stack or log."""

    def __init__(self, function_name: str, kind: str, message: str, trace: str) -> None:
        super().__init__(f"{function_name}: {kind}: {message}")
        self.kind = kind
        self.trace = trace


@dataclass(frozen=True)
class Deployment:
    """What stands after `deploy()`: function names by logical id, the stage's URL, and all outputs of the stack."""

    functions: dict[str, str]
    gateway_url: str
    outputs: dict[str, str]


def deploy(
    endpoint_url: str,
    *,
    stage: str = "local",
    parameters: Mapping[str, str],
    built: Built,
    stack_name: str | None = None,
    progress: Callable[[str], None] | None = None,
    timeout: float = 180,
) -> Deployment:
    """Create or update the stack at an emulator's endpoint and wait for it.

    Args:
        endpoint_url: MiniStack's or LocalStack's address.
        stage: the parameter Stage, and the last segment of the gateway's URL.
        parameters: the template's other parameters (DatabaseUrl, RedisUrl, AmqpUrl, ...).
        built: what `localstack.build.build` made; a layer that it lacks is left out of the stack.
        stack_name: by default `eatit-<stage>`.
        progress: called with short texts.
        timeout: seconds for the stack to stand.

    The secrets `eatit/<stage>/database/owner` and `.../broker` are the caller's, by `put_secret`.

    Raises:
        DeploymentFailed: the emulator refused something, or took longer than `timeout`.
    """
    if progress:
        progress("uploading functions and layers")
    keys = _upload(endpoint_url, built)
    template = read()
    values = {
        "Stage": stage,
        "PythonRuntime": f"python{built.python}",
        "ScheduleState": "DISABLED",  # localstack.triggers plays the schedules, on every emulator alike
        **parameters,
    }
    if progress:
        progress("creating the stack")
    body = json.dumps(for_emulator(template, {name: f"s3://{BUCKET}/{key}" for name, key in keys.items()}, REGION))
    outputs = apply(endpoint_url, stack_name or f"eatit-{stage}", body, values, timeout)
    functions = {name: outputs[name] for name in built.artefacts}
    _reserve_concurrency(endpoint_url, template, values, functions)
    gateway_url = f"{endpoint_url.rstrip('/')}/_aws/execute-api/{outputs['ApiId']}/{outputs['StageName']}"
    return Deployment(functions, gateway_url, outputs)


def invoke(
    endpoint_url: str, function_name: str, payload: Mapping[str, Any], *, timeout: float = 330
) -> dict[str, Any]:
    """Call a function and return its answer (None is an empty dictionary).

    Raises:
        InvocationFailed: the function raised, or ran out of time.
        botocore.exceptions.ClientError: the call itself was refused (no such function, throttled).
    """
    answer = _answer(client("lambda", endpoint_url, timeout), endpoint_url, function_name, json.dumps(payload).encode())
    body = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        error = body if isinstance(body, dict) else {"errorMessage": str(body)}
        trace = "".join(error.get("stackTrace") or [])
        log = base64.b64decode(answer.get("LogResult") or "").decode("utf-8", "replace")
        raise InvocationFailed(
            function_name, str(error.get("errorType", "Error")), str(error.get("errorMessage", "")), trace or log
        )
    return body if isinstance(body, dict) else {} if body is None else {"result": body}


def _answer(functions: Any, endpoint_url: str, function_name: str, payload: bytes) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    if endpoint_url not in _WITHOUT_LOGS:
        try:
            return dict(functions.invoke(FunctionName=function_name, Payload=payload, LogType="Tail"))
        except ClientError as error:
            if error.response["Error"]["Code"] != "NotImplemented":
                raise
            _WITHOUT_LOGS.add(endpoint_url)
    return dict(functions.invoke(FunctionName=function_name, Payload=payload))


def put_secret(endpoint_url: str, name: str, value: Mapping[str, str]) -> None:
    """Create a secret with a JSON value, or give it a new one."""
    secrets = client("secretsmanager", endpoint_url)
    try:
        secrets.create_secret(Name=name, SecretString=json.dumps(dict(value)))
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=name, SecretString=json.dumps(dict(value)))


def get_secret(endpoint_url: str, name: str) -> dict[str, Any]:
    """The JSON value of a secret.

    Raises:
        botocore.exceptions.ClientError: there is none of that name.
    """
    value = client("secretsmanager", endpoint_url).get_secret_value(SecretId=name)["SecretString"]
    return dict(json.loads(value))


def client(service: str, endpoint_url: str, timeout: float = 60) -> Any:
    """A client of one AWS service at an emulator's endpoint, which never retries by itself. Safe across threads."""
    with _making:  # clients may be shared between threads, the session that makes them may not
        return _client(service, endpoint_url, timeout)


@functools.cache
def _client(service: str, endpoint_url: str, timeout: float) -> Any:
    import boto3
    from botocore.config import Config

    settings = Config(
        retries={"total_max_attempts": 1},
        connect_timeout=5,
        read_timeout=timeout,
        s3={"addressing_style": "path"},
        max_pool_connections=32,
    )
    return boto3.client(service, endpoint_url=endpoint_url, config=settings, **CREDENTIALS)


def _upload(endpoint_url: str, built: Built) -> dict[str, str]:
    s3 = client("s3", endpoint_url)
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=BUCKET)
    there = {each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}
    files: dict[str, Path] = {**built.artefacts, **built.layers}
    for path in sorted(set(files.values())):
        if path.name not in there:
            with path.open("rb") as file:
                s3.put_object(Bucket=BUCKET, Key=path.name, Body=file)
    return {name: path.name for name, path in files.items()}


def apply(endpoint_url: str, stack_name: str, body: str, values: Mapping[str, str], timeout: float) -> dict[str, str]:
    """Create or update a stack from a CloudFormation template as JSON, wait for it, and return its outputs.

    Parameters that the template doesn't declare are left out of `values`.

    Raises:
        DeploymentFailed: the emulator refused something, or took longer than `timeout` seconds.
    """
    from botocore.exceptions import ClientError

    known = json.loads(body).get("Parameters", {})
    cloudformation = client("cloudformation", endpoint_url)
    call: dict[str, Any] = {
        "StackName": stack_name,
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value} for name, value in values.items() if name in known
        ],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    if len(body) > _INLINE_LIMIT:
        client("s3", endpoint_url).put_object(Bucket=BUCKET, Key=f"{stack_name}.json", Body=body.encode())
        call["TemplateURL"] = f"{endpoint_url.rstrip('/')}/{BUCKET}/{stack_name}.json"
    else:
        call["TemplateBody"] = body
    before = _stack(cloudformation, stack_name)
    try:
        if before is None:
            cloudformation.create_stack(**call)
        else:
            cloudformation.update_stack(**call)
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if "No updates are to be performed" not in message:
            raise DeploymentFailed(
                f"The emulator at {endpoint_url} refused the stack {stack_name}: {message}"
            ) from error
    deadline = time.monotonic() + timeout
    while True:
        stack = _stack(cloudformation, stack_name)
        status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
        if stack and status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
        if not status.endswith("_IN_PROGRESS"):
            raise DeploymentFailed(f"The stack {stack_name} came to {status}: {_reason(cloudformation, stack_name)}")
        if time.monotonic() > deadline:
            raise DeploymentFailed(f"The stack {stack_name} is still {status} after {timeout:.0f} s.")
        time.sleep(0.05)


def _stack(cloudformation: Any, stack_name: str) -> dict[str, Any] | None:
    from botocore.exceptions import ClientError

    try:
        found = cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError:
        return None
    return dict(found[0]) if found and found[0]["StackStatus"] != "DELETE_COMPLETE" else None


def _reason(cloudformation: Any, stack_name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    failed = [each for each in events if str(each.get("ResourceStatus", "")).endswith("_FAILED")]
    if not failed:
        return "it says no reason"
    first = failed[-1]
    return f"{first.get('LogicalResourceId')}: {first.get('ResourceStatusReason')}"


def _reserve_concurrency(
    endpoint_url: str, template: Mapping[str, Any], values: Mapping[str, str], functions: Mapping[str, str]
) -> None:
    """Set by API what MiniStack's CloudFormation leaves out: ReservedConcurrentExecutions."""
    for name, function in functions.items():
        wanted = template["Resources"][name]["Properties"].get("ReservedConcurrentExecutions")
        if wanted is None:
            continue
        value = values.get(wanted["Fn::If"][1]["Ref"], "")
        if value:
            client("lambda", endpoint_url).put_function_concurrency(
                FunctionName=function, ReservedConcurrentExecutions=int(value)
            )
