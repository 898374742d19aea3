"""Calling one function by its logical id: which place is meant, and one plain sentence for whatever goes wrong."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from localstack import after_deploy, deploy, invocation
from localstack.failures import StackFailure
from localstack.template import ROOT


class Cloud:
    """CloudFormation and Lambda of an account: what was called, and what is answered."""

    def __init__(self) -> None:
        self.called: list[tuple[str, Any]] = []
        self.answers: list[tuple[Any, str | None]] = []
        self.failure: Exception | None = None

    def describe_stack_resource(self, *, StackName: str, LogicalResourceId: str) -> Any:  # noqa: N803
        if self.failure:
            raise self.failure
        return {"StackResourceDetail": {"PhysicalResourceId": f"{StackName}-{LogicalResourceId}-X1"}}

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803
        self.called.append((FunctionName, json.loads(Payload)))
        body, failed = self.answers.pop(0) if self.answers else ({"rotated": True}, None)
        answer: dict[str, Any] = {"Payload": io.BytesIO(json.dumps(body).encode())}
        return {**answer, "FunctionError": failed} if failed else answer


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = Cloud()
    monkeypatch.setattr(boto3, "client", lambda service, **_: made)
    return made


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a stack that runs, with no secrets to keep."""
    content = {
        "functions": {"KeyRotationFunction": "keys", "UpkeepFunction": "upkeep"},
        "lambda_endpoint_url": "http://127.0.0.1:9",
        "s3_endpoint_url": "",
    }
    (tmp_path / "stack.json").write_text(json.dumps(content))
    (tmp_path / "logs").mkdir()
    return tmp_path


def test_an_environment_is_called_in_its_own_stack(cloud: Cloud) -> None:
    answer = invocation.invoke("KeyRotationFunction", {"action": "rotate"}, environment="staging")
    assert answer == {"rotated": True}
    assert cloud.called == [("eatit-staging-KeyRotationFunction-X1", {"action": "rotate"})]


def test_an_environment_that_nobody_has_named_is_one_sentence(cloud: Cloud) -> None:
    for name in ("nope", "", "version"):
        with pytest.raises(StackFailure, match=r"samconfig.toml has no environment .*staging"):
            invocation.invoke("KeyRotationFunction", {}, environment=name)
    assert cloud.called == []


@pytest.mark.parametrize(
    "failure",
    [
        NoCredentialsError(),
        ClientError({"Error": {"Code": "ValidationError", "Message": "Stack eatit-prod does not exist"}}, "Describe"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_what_cant_be_called_is_one_sentence(cloud: Cloud, failure: Exception) -> None:
    cloud.failure = failure
    with pytest.raises(StackFailure, match=r"KeyRotationFunction of the stack eatit-prod can't be called: .*[^.]\.$"):
        invocation.invoke("KeyRotationFunction", {}, environment="prod")


def test_a_function_that_raises_is_told_with_its_trace(cloud: Cloud) -> None:
    error = {"errorType": "ValueError", "errorMessage": "the action must be one", "stackTrace": ["  File x\n", "y"]}
    cloud.answers = [(error, "Unhandled")]
    with pytest.raises(invocation.CallFailed, match="ValueError: the action must be one") as caught:
        invocation.invoke("KeyRotationFunction", {}, environment="prod")
    assert caught.value.trace == "  File x\ny"
    cloud.answers = [("Task timed out", "Unhandled")]
    with pytest.raises(invocation.CallFailed, match="Task timed out"):
        invocation.invoke("KeyRotationFunction", {}, environment="prod")


@pytest.mark.parametrize(("body", "answer"), [(None, {}), ([1], {"result": [1]}), ({"a": 1}, {"a": 1})])
def test_every_answer_is_a_dictionary(cloud: Cloud, body: Any, answer: Any) -> None:
    cloud.answers = [(body, None)]
    assert invocation.invoke("UpkeepFunction", {}, environment="prod") == answer


def test_without_an_environment_it_is_the_local_stack(
    cloud: Cloud, running: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []
    kept: list[Path] = []

    def call(*arguments: Any) -> dict[str, Any]:
        called.append(arguments)
        return {"made": False}

    monkeypatch.setattr(deploy, "invoke", call)
    monkeypatch.setattr(invocation, "keep_written_secrets", kept.append)
    assert invocation.invoke("KeyRotationFunction", {"action": "ensure"}, directory=running) == {"made": False}
    invocation.invoke("UpkeepFunction", {}, directory=running)
    assert called == [
        ("http://127.0.0.1:9", "keys", {"action": "ensure"}),
        ("http://127.0.0.1:9", "upkeep", {}),
    ]
    assert kept == [running]
    assert cloud.called == []


def test_keys_are_kept_even_where_the_call_fails(running: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have written one secret and died over the other."""
    kept: list[Path] = []

    def fail(*_: Any) -> Any:
        raise deploy.InvocationFailed("keys", "Runtime.ExitError", "killed", "")

    monkeypatch.setattr(deploy, "invoke", fail)
    monkeypatch.setattr(invocation, "keep_written_secrets", kept.append)
    with pytest.raises(invocation.CallFailed, match="killed"):
        invocation.invoke("KeyRotationFunction", {}, directory=running)
    assert kept == [running]


def test_no_stack_and_no_such_function_are_one_sentence(tmp_path: Path, running: Path) -> None:
    with pytest.raises(StackFailure, match="make up"):
        invocation.invoke("KeyRotationFunction", {}, directory=tmp_path / "nowhere")
    with pytest.raises(StackFailure, match="There is no function X; there are KeyRotationFunction, UpkeepFunction"):
        invocation.invoke("X", {}, directory=running)


def test_a_deployment_is_followed_by_migration_and_keys(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["after_deploy", "staging"])
    assert after_deploy.main() == 0
    assert [event for _, event in cloud.called] == [{}, {"action": "ensure"}]
    cloud.answers = [({"errorMessage": "no database", "errorType": "OperationalError"}, "Unhandled")]
    assert after_deploy.main() == 1
    assert "no database" in capsys.readouterr().err
    assert len(cloud.called) == 3


def test_the_command_prints_the_answer_and_where(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["invocation", "KeyRotationFunction", '{"action": "rotate"}', "--environment", "staging"]
    monkeypatch.setattr(sys, "argv", words)
    assert invocation.main() == 0
    assert capsys.readouterr().out.startswith("KeyRotationFunction of staging:\n{")
    for unreadable in ("{", "[1]", '"rotate"'):
        monkeypatch.setattr(sys, "argv", [*words[:2], unreadable, *words[3:]])
        assert invocation.main() == 1
        assert "not a readable JSON object" in capsys.readouterr().err
    assert len(cloud.called) == 1


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ([], "--directory .run"),
        (["DIRECTORY=elsewhere"], "--directory elsewhere"),
        (["ENVIRONMENT=staging"], "--environment staging"),
    ],
)
def test_make_calls_the_local_stack_unless_it_is_told_where(given: list[str], place: str) -> None:
    command = ["make", "--no-print-directory", "--dry-run", "rotate-keys", *given]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "ENVIRONMENT": "prod"}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.replace('"', "").splitlines()[-1].endswith(f"KeyRotationFunction '{{action: rotate}}' {place}")
