"""What follows a deployment to AWS: the migration and the signing keys, by the functions just deployed.

`python -m localstack.after_deploy staging`, with your own credentials; `make deploy` calls it. It may run twice.
"""

from __future__ import annotations

import json
import sys
import tomllib
from typing import Any

import boto3
from botocore.config import Config

from localstack.template import ROOT

# In this order: the functions behind the gateway need both.
CALLS: tuple[tuple[str, dict[str, str]], ...] = (("MigrateFunction", {}), ("KeyRotationFunction", {"action": "ensure"}))


def stack_name(environment: str) -> str:
    """The CloudFormation stack of an environment, as samconfig.toml names it."""
    settings: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text())
    return str(settings[environment]["global"]["parameters"]["stack_name"])


def call_all(name: str, *, endpoint_url: str | None = None) -> dict[str, Any]:
    """Call the workers of a deployed stack → what each answered. Raises `RuntimeError` when one fails."""
    cloudformation = boto3.client("cloudformation", endpoint_url=endpoint_url)
    functions = boto3.client("lambda", endpoint_url=endpoint_url, config=Config(read_timeout=310))
    answers: dict[str, Any] = {}
    for logical_id, event in CALLS:
        resource = cloudformation.describe_stack_resource(StackName=name, LogicalResourceId=logical_id)
        physical_id = resource["StackResourceDetail"]["PhysicalResourceId"]
        answer = functions.invoke(FunctionName=physical_id, Payload=json.dumps(event).encode())
        said = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise RuntimeError(f"{logical_id} failed: {said.get('errorMessage', said)}")
        answers[logical_id] = said
    return answers


def main() -> int:
    """Say what each worker answered."""
    for logical_id, said in call_all(stack_name(sys.argv[1])).items():
        print(f"{logical_id}: {json.dumps(said, ensure_ascii=False)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
