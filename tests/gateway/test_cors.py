"""CORS: a browser's page on an allowed origin may call, read the headers it needs, and no other page may."""

from typing import Any

import pytest

from tests.gateway.shop import Api, good, problem

ORIGIN = "http://localhost:5173"
ALLOWED = (
    "Authorization, Content-Type, Accept-Language, If-Match, If-None-Match, Idempotency-Key, X-Basket-Token, "
    "X-Request-Id"
)
EXPOSED = {"ETag", "Location", "X-Basket-Token", "X-Request-Id", "Idempotency-Replayed", "Retry-After"}
FOREIGN = ["https://evil.example", "http://localhost.evil.example", "http://evil.example/?http://localhost:1", "null"]


def preflight(api: Api, path: str, origin: str, method: str, wanted: str = "") -> Any:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    if wanted:
        headers["Access-Control-Request-Headers"] = wanted
    return api.call("OPTIONS", path, headers=headers)


@pytest.mark.parametrize("path", ["/store/products", "/basket/items", "/auth/login", "/auth/me", "/basket"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_preflight_allows_every_method_and_header_we_read(api: Api, path: str, method: str) -> None:
    answer = preflight(api, path, ORIGIN, method, ALLOWED)
    assert answer.status_code in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] in (ORIGIN, "*")
    assert method in answer.headers["Access-Control-Allow-Methods"]
    allowed = {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert {name.strip().lower() for name in ALLOWED.split(",")} <= allowed
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://localhost:3000", "http://127.0.0.1:8080"])
def test_an_answer_shows_its_headers_to_an_allowed_origin(api: Api, origin: str, product: Any) -> None:
    answer = api.post("/basket/items", {"product_id": product["id"], "quantity": 1}, headers={"Origin": origin})
    good(answer)
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")} >= EXPOSED
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("path", ["/store/nothing", "/nothing", "/auth/me", "/store/products/x"])
def test_a_problem_can_be_read_by_an_allowed_origin(api: Api, path: str) -> None:
    answer = api.get(path, headers={"Origin": ORIGIN})
    assert answer.status_code in (401, 404)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("origin", FOREIGN)
def test_another_origin_gets_no_permission(api: Api, origin: str) -> None:
    answer = api.get("/store/units", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers
    refused = preflight(api, "/store/units", origin, "POST")
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert "Access-Control-Allow-Origin" not in api.get("/nothing", headers={"Origin": origin}).headers


def test_a_caller_without_origin_isnt_bothered_with_cors(api: Api) -> None:
    answer = api.get("/store/units")
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_no_credentials_are_allowed(api: Api) -> None:
    assert "Access-Control-Allow-Credentials" not in preflight(api, "/store/units", ORIGIN, "POST").headers


def test_a_bad_token_doesnt_stop_a_preflight(api: Api) -> None:
    answer = api.call(
        "OPTIONS",
        "/auth/me",
        token="bad",
        headers={"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"},
    )
    assert answer.status_code in (200, 204)
    problem(api.get("/auth/me", token="bad", headers={"Origin": ORIGIN}), 401, "invalid_token")
