"""The deployment to an emulator: the stack stands, routes lead to functions, the gateway's own answers are ours."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from localstack import deploy
from localstack.build import build
from localstack.processes import Processes
from localstack.servers import emulator
from localstack.template import read
from localstack.translation import for_emulator

# Ports that nothing listens on: what these functions can't reach isn't asked of them here.
PARAMETERS = {
    "DatabaseUrl": "postgresql://127.0.0.1:9/eatit",
    "RedisUrl": "redis://127.0.0.1:9/0",
    "AmqpUrl": "amqp://127.0.0.1:9/%2F",
    "CorsOrigins": "http://localhost:*",
}


@pytest.fixture(scope="module")
def endpoint_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("deploy")
    (directory / "logs").mkdir()
    processes = Processes(directory)
    yield emulator.start(processes)
    processes.end(["emulator"])


@pytest.fixture(scope="module")
def deployment(endpoint_url: str) -> deploy.Deployment:
    for name in ("database/owner", "broker"):
        deploy.put_secret(endpoint_url, f"eatit/local/{name}", {"username": "eatit", "password": "only-for-this-test"})
    return deploy.deploy(endpoint_url, parameters=PARAMETERS, built=build(layers=False))


def ask(method: str, url: str, body: bytes | None = None) -> tuple[int, Any, dict[str, Any]]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, json.load(error)


@pytest.mark.parametrize("group", ["auth", "store", "basket"])
def test_route_leads_to_its_function(deployment: deploy.Deployment, group: str) -> None:
    status, headers, schema = ask("GET", f"{deployment.gateway_url}/{group}/openapi.json")
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    assert all(path.split("/")[1] == group for path in schema["paths"])


def test_basket_itself_has_a_route(deployment: deploy.Deployment) -> None:
    """`/basket` has no further segment, which `{proxy+}` would ask for."""
    status, headers, problem = ask("PUT", f"{deployment.gateway_url}/basket", b"{}")
    assert (status, problem["code"]) == (405, "method_not_allowed")
    assert "GET" in headers["Allow"]


def test_what_no_route_takes_is_a_problem(deployment: deploy.Deployment) -> None:
    for method, path in (("GET", "/"), ("GET", "/elsewhere/x"), ("PROPFIND", "/store/products")):
        status, headers, problem = ask(method, deployment.gateway_url + path)
        assert (status, problem["code"], problem["status"]) == (404, "not_found", 404)
        assert headers["Content-Type"] == "application/problem+json"
        assert problem["type"] == "urn:problem-type:eatit:not_found"
        assert problem["trace_id"]


def test_body_reaches_the_function_byte_by_byte(deployment: deploy.Deployment) -> None:
    """Bytes that aren't UTF-8 are refused; a gateway that took them for text would have replaced them."""
    status, _, problem = ask(
        "POST", f"{deployment.gateway_url}/auth/login", b'{"email": "\xff@x.example", "password": "x"}'
    )
    assert status == 400, problem


def test_secrets_are_made(deployment: deploy.Deployment, endpoint_url: str) -> None:
    assert deployment.functions
    passwords = set()
    for group in ("auth", "store", "basket", "operations"):
        secret = deploy.get_secret(endpoint_url, f"eatit/local/database/{group}")
        assert secret["username"] == f"eatit_{group}"
        assert len(secret["password"]) == 40
        assert secret["password"].isalnum()
        passwords.add(secret["password"])
    assert len(passwords) == 4
    assert deploy.get_secret(endpoint_url, "eatit/local/auth/jwks") == {}


def test_second_deployment_updates_and_keeps_secrets(deployment: deploy.Deployment, endpoint_url: str) -> None:
    before = deploy.get_secret(endpoint_url, "eatit/local/database/store")
    deploy.put_secret(endpoint_url, "eatit/local/auth/jwks", {"keys": "kept"})
    changed = {**PARAMETERS, "LogLevel": "DEBUG", "StoreConcurrency": "3"}
    again = deploy.deploy(endpoint_url, parameters=changed, built=build(layers=False))
    assert again.functions == deployment.functions
    assert deploy.get_secret(endpoint_url, "eatit/local/database/store") == before
    assert deploy.get_secret(endpoint_url, "eatit/local/auth/jwks") == {"keys": "kept"}
    functions = deploy.client("lambda", endpoint_url)
    name = again.functions["StoreFunction"]
    assert functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]["LOG_LEVEL"] == "DEBUG"
    assert functions.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 3


def test_failing_function_is_told_with_its_reason(deployment: deploy.Deployment, endpoint_url: str) -> None:
    with pytest.raises(deploy.InvocationFailed) as failure:
        deploy.invoke(endpoint_url, deployment.functions["KeyRotationFunction"], {"action": "no such action"})
    assert failure.value.kind
    assert "Traceback" in failure.value.trace


def test_refused_stack_is_one_sentence(endpoint_url: str) -> None:
    with pytest.raises(deploy.DeploymentFailed, match="eatit-broken"):
        deploy.apply(
            endpoint_url, "eatit-broken", json.dumps({"Resources": {"Odd": {"Type": "AWS::No::Such"}}}), {}, 20
        )


def test_vendored_stack_names_no_layer() -> None:
    """What LocalStack is given: the same template, without a trace of the layers that it can't mount."""
    template = read()
    code = {name: "s3://bucket/code" for name, each in template["Resources"].items() if "Handler" in each["Properties"]}
    plain = for_emulator(template, code, deploy.REGION)
    kinds = [resource["Type"] for resource in plain["Resources"].values()]
    assert "AWS::Lambda::LayerVersion" not in kinds
    assert kinds.count("AWS::Lambda::Function") == len(code)
    assert "DependenciesLayer" not in json.dumps(plain)
    assert template == read()


def test_vendored_build_is_deployed_by_the_same_code(endpoint_url: str) -> None:
    stage = "vendored"
    for name in ("database/owner", "broker"):
        deploy.put_secret(
            endpoint_url, f"eatit/{stage}/{name}", {"username": "eatit", "password": "only-for-this-test"}
        )
    built = build(vendored=True)
    deployment = deploy.deploy(endpoint_url, stage=stage, parameters=PARAMETERS, built=built)
    assert deployment.gateway_url.endswith(f"/{stage}")
    status, _, schema = ask("GET", f"{deployment.gateway_url}/store/openapi.json")
    assert status == 200
    assert schema["openapi"].startswith("3.1")
