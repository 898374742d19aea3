"""Who may call what: every route of the three groups stands in this table, and one that doesn't fails the test."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

import auth.app
import auth.keys
import basket.app
import eatit.http.callers
import eatit.security
import store.app
from eatit.http.callers import role_of
from eatit.security import Role, forget_keys
from tests.functions.events import Context, rest_event

APPS = {"auth": auth.app, "store": store.app, "basket": basket.app}
PRODUCT = "/store/products/{product_id:uuid}"
UNIT = "/store/units/{unit_id:uuid}"
CATEGORY = "/store/categories/{category_id:uuid}"
ITEM = "/basket/items/{product_id:uuid}"
# open: reads no token at all; anyone: a bad token is refused; else the least role.
WHO = {
    ("POST", "/auth/register"): "open",
    ("POST", "/auth/login"): "open",
    ("POST", "/auth/refresh"): "open",
    ("POST", "/auth/token"): "open",
    ("GET", "/auth/.well-known/jwks.json"): "open",
    ("GET", "/auth/me"): "customer",
    ("PATCH", "/auth/me"): "customer",
    ("GET", "/store/units"): "anyone",
    ("POST", "/store/units"): "staff",
    ("GET", UNIT): "anyone",
    ("PATCH", UNIT): "staff",
    ("DELETE", UNIT): "staff",
    ("GET", "/store/categories"): "anyone",
    ("POST", "/store/categories"): "staff",
    ("GET", CATEGORY): "anyone",
    ("PATCH", CATEGORY): "staff",
    ("DELETE", CATEGORY): "staff",
    ("GET", "/store/products"): "anyone",
    ("POST", "/store/products"): "staff",
    ("GET", PRODUCT): "anyone",
    ("PATCH", PRODUCT): "staff",
    ("DELETE", PRODUCT): "staff",
    ("GET", "/basket"): "anyone",
    ("DELETE", "/basket"): "anyone",
    ("POST", "/basket/items"): "anyone",
    ("PATCH", ITEM): "anyone",
    ("DELETE", ITEM): "anyone",
    **{
        ("GET", f"/{group}/{page}"): "open"
        for group in APPS
        for page in ("health", "docs", "docs/{name}", "openapi.json")
    },
}


def routes() -> dict[tuple[str, str], Route | APIRoute]:
    found: dict[tuple[str, str], Route | APIRoute] = {}
    for module in APPS.values():
        for route in module.app.routes:
            assert isinstance(route, Route | APIRoute), route
            for method in (route.methods or set()) - {"HEAD"}:
                assert (method, route.path) not in found
                found[method, route.path] = route
    return found


def test_every_route_stands_in_the_table() -> None:
    assert set(routes()) == set(WHO)


@pytest.mark.parametrize("key", sorted(WHO), ids=" ".join)
def test_a_route_demands_the_role_that_the_table_says(key: tuple[str, str]) -> None:
    route = routes()[key]
    reads, least = role_of(route) if isinstance(route, APIRoute) else (False, None)
    assert (reads, least) == {
        "open": (False, None),
        "anyone": (True, None),
        "customer": (True, Role.customer),
        "staff": (True, Role.staff),
    }[WHO[key]]


def asked(key: tuple[str, str], token: str | None) -> Any:
    method, path = key
    for name in ("product_id", "unit_id", "category_id"):
        path = path.replace(f"{{{name}:uuid}}", "019aa7c0-0000-7000-8000-000000000001")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body: dict[str, Any] | None = {} if method in ("POST", "PATCH") else None
    result = APPS[path.split("/")[1]].handler(rest_event(method, path, body, headers=headers), Context())
    return result["statusCode"], json.loads(result["body"])["code"]


@pytest.fixture
def signing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keys of our own, so that tokens hold without any server."""
    secret = auth.keys.new_signing_secret()
    jwks = auth.keys.public_keys(secret)
    monkeypatch.setattr(auth.keys, "secret", lambda name: secret)
    monkeypatch.setattr(eatit.security, "secret", lambda name, newer_than=None: jwks)
    monkeypatch.setattr(eatit.http.callers, "check", lambda caller: None)  # the marks are in Redis
    forget_keys()
    yield
    forget_keys()


GUARDED = sorted(key for key, who in WHO.items() if who in ("customer", "staff"))
READING = sorted(key for key, who in WHO.items() if who != "open")


@pytest.mark.parametrize("key", GUARDED, ids=" ".join)
def test_without_a_token_a_guarded_route_is_401(key: tuple[str, str]) -> None:
    assert asked(key, None) == (401, "authentication_required")


@pytest.mark.parametrize("key", READING, ids=" ".join)
def test_with_a_bad_token_every_reading_route_is_401(key: tuple[str, str], signing: None) -> None:
    assert asked(key, "bad") == (401, "invalid_token")


@pytest.mark.parametrize("key", sorted(key for key, who in WHO.items() if who == "staff"), ids=" ".join)
def test_with_too_low_a_role_it_is_403_before_anything_is_read(key: tuple[str, str], signing: None) -> None:
    token = auth.keys.access_token(UUID(int=1), "customer", UUID(int=2))
    assert asked(key, token) == (403, "forbidden")
