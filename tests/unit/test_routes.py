"""Deny by default: every route of the three groups stands in the table of `tests.who_may`, and keeps to it."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

import auth.app
import auth.callers
import auth.keys
import basket.app
import eatit.http.callers
import eatit.security
import store.app
from eatit.http.callers import Bearer, role_of
from eatit.security import Role, enrolling_audience, forget_keys
from tests.functions.events import Context, rest_event
from tests.who_may import CALLERS, REFUSALS, WHO, address_of, body_for, refusal_of

APPS = {"auth": auth.app, "store": store.app, "basket": basket.app}
USER, SESSION = UUID(int=1), UUID(int=2)


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


def _enrols(route: Route | APIRoute) -> bool:
    parts = route.dependant.dependencies if isinstance(route, APIRoute) else []
    return any(part.call.enrolling for part in parts if isinstance(part.call, Bearer))


@pytest.mark.parametrize("key", sorted(WHO), ids=" ".join)
def test_a_route_demands_the_role_that_the_table_says(key: tuple[str, str]) -> None:
    route = routes()[key]
    reads, least = role_of(route) if isinstance(route, APIRoute) else (False, None)
    assert (reads, least, _enrols(route)) == {
        "open": (False, None, False),
        "anyone": (True, None, False),
        "enrolling": (True, Role.customer, True),
        "customer": (True, Role.customer, False),
        "staff": (True, Role.staff, False),
        "admin": (True, Role.admin, False),
    }[WHO[key]]


@pytest.fixture
def signing(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Keys of our own, no marks, and roles that stand: so tokens hold without any server."""
    secret = auth.keys.new_signing_secret()
    jwks = auth.keys.public_keys(secret)
    monkeypatch.setattr(auth.keys, "secret", lambda name, **_: secret)
    monkeypatch.setattr(eatit.security, "secret", lambda name, newer_than=None: jwks)
    monkeypatch.setattr(eatit.http.callers, "check", lambda caller: None)
    monkeypatch.setattr(auth.callers, "database", _Standing())
    forget_keys()
    yield secret
    forget_keys()


class _Standing:
    """Stands for Postgres, where every role is as the token says."""

    role: str

    def read(self, _statement: Any, _parameters: Any) -> "_Standing":
        return self

    def scalar_one_or_none(self) -> str:
        return self.role


def token_of(caller: str, secret: dict[str, Any]) -> str | None:
    """What the caller sends."""
    import jwt

    if caller in ("nobody", "bad"):
        return {"nobody": None, "bad": "bad"}[caller]
    role = "admin" if caller == "enrolling" else caller
    _Standing.role = role
    token = auth.keys.access_token(USER, role, SESSION)
    if caller != "enrolling":
        return token
    claims = jwt.decode(token, options={"verify_signature": False}) | {"aud": enrolling_audience()}
    key = secret["current"]
    return jwt.encode(claims, jwt.PyJWK(key, "EdDSA").key, algorithm="EdDSA", headers={"kid": key["kid"]})


def asked(key: tuple[str, str], token: str | None) -> tuple[int, str | None]:
    """The status of an answer, and its code where it is a problem's."""
    method, path = key[0], address_of(key[1])
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    event = rest_event(method, path, body_for(method), headers=headers)
    result = APPS[path.split("/")[1]].handler(event, Context())
    problem = "problem+json" in str(result.get("multiValueHeaders") or result.get("headers"))
    return result["statusCode"], json.loads(result["body"])["code"] if problem else None


WALK = [(key, caller) for key in sorted(WHO) for caller in CALLERS]


@pytest.mark.parametrize(
    ("key", "caller"), WALK, ids=lambda value: value if isinstance(value, str) else " ".join(value)
)
def test_a_route_lets_in_whom_the_table_says(key: tuple[str, str], caller: str, signing: dict[str, Any]) -> None:
    refused = refusal_of(WHO[key], caller)
    answered = asked(key, token_of(caller, signing))
    if refused is None:
        # Whatever else there is to say of such a request without any server: whoever asks may.
        assert answered[1] not in REFUSALS, answered
    else:
        assert answered == refused
