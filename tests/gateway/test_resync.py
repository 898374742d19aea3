"""`make resync`: every active product is told again, so that a damaged copy in the basket is whole again."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.gateway.shop import Api, Keeper, eventually, good


@pytest.fixture
def invoke(stack: dict[str, Any]) -> Callable[..., Any]:
    """Calls a function by its name in the template, through the Lambda Invoke API."""

    def call(function: str, event: dict[str, Any]) -> Any:
        client = boto3.client(
            "lambda",
            endpoint_url=stack["lambda_endpoint_url"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(read_timeout=120, retries={"max_attempts": 0}),
        )
        try:
            answer = client.invoke(FunctionName=stack["functions"][function], Payload=json.dumps(event).encode())
            with answer["Payload"] as payload:
                body = json.loads(payload.read())
            assert "FunctionError" not in answer, body
            return body
        finally:
            client.close()

    return call


def test_resync_mends_a_damaged_copy(api: Api, keeper: Keeper, invoke: Callable[..., Any], sql: Any) -> None:
    missing, wrong = keeper.product(), keeper.product()
    tokens = [
        api.post("/basket/items", {"product_id": product["id"], "quantity": 1}).headers["X-Basket-Token"]
        for product in (missing, wrong)
    ]
    sql.execute("DELETE FROM basket.products WHERE id = %s", [missing["id"]])
    sql.execute(
        "UPDATE basket.products SET version = 0, price_amount = 1, name = 'damaged' WHERE id = %s", [wrong["id"]]
    )
    assert good(api.get("/basket", basket=tokens[0]))["items"][0]["warnings"] == ["product_gone"]
    assert good(api.get("/basket", basket=tokens[1]))["items"][0]["price"]["amount"] == 1

    told = invoke("ResyncFunction", {})
    assert told["products"] >= 2
    assert told["after"] is None

    def mended() -> None:
        for product, token in zip((missing, wrong), tokens, strict=True):
            line = good(api.get("/basket", basket=token))["items"][0]
            assert (line["sku"], line["name"]) == (product["sku"], product["name"])
            assert line["price"] == product["price"]

    eventually(mended)


def test_migrating_and_ensuring_keys_again_change_nothing(api: Api, invoke: Callable[..., Any]) -> None:
    keys = good(api.get("/auth/.well-known/jwks.json"))
    first, second = invoke("MigrateFunction", {}), invoke("MigrateFunction", {})
    assert first == second
    assert "basket.product-sync" in first["queues"]
    assert invoke("KeyRotationFunction", {"action": "ensure"})["made"] is False
    assert good(api.get("/auth/.well-known/jwks.json")) == keys
