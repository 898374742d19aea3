"""A token that is present but bad is 401 on every route but those that sign in, refresh, tell health or keys."""

from collections.abc import Callable
from typing import Any
from unittest.mock import ANY

import jwt
import pytest

from tests.gateway.conftest import PASSWORD
from tests.gateway.forgeries import Claims, bad_tokens
from tests.gateway.shop import Api, good, problem, unique

ID = "019aa7c0-0000-7000-8000-000000000001"
ANYONES = [("GET", "/store/products"), ("GET", "/store/units"), ("GET", "/store/categories"), ("GET", "/basket")]
GUARDED = [("GET", "/auth/me"), ("POST", "/store/products"), ("DELETE", f"/store/units/{ID}")]


@pytest.fixture
def claims(buyer: str) -> Claims:
    """The claims of a token that holds."""
    found: Claims = jwt.decode(buyer, options={"verify_signature": False})
    return found


@pytest.fixture
def key(signing: dict[str, Any]) -> Any:
    return jwt.PyJWK(signing["current"], "EdDSA").key


@pytest.fixture
def kid(signing: dict[str, Any]) -> str:
    return str(signing["current"]["kid"])


def test_no_bad_token_holds_on_any_route(api: Api, claims: Claims, key: Any, kid: str) -> None:
    for what, token in bad_tokens(claims, key, kid).items():
        for method, path in (*GUARDED, *ANYONES):
            answer = api.call(method, path, token=token)
            assert answer.status_code == 401, f"{what} holds on {method} {path}"
            problem(answer, 401, "invalid_token")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_of_the_right_key_holds(api: Api, claims: Claims, key: Any, kid: str) -> None:
    token = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": kid})
    assert good(api.get("/auth/me", token=token))["id"] == claims["sub"]


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic dTpw", "Token x", "x", ""])
def test_an_authorization_that_is_no_bearer_token_is_401(api: Api, header: str) -> None:
    for method, path in (*GUARDED, *ANYONES):
        problem(api.call(method, path, headers={"Authorization": header}), 401, "invalid_token")


@pytest.mark.parametrize(("method", "path"), [*GUARDED, ("PATCH", "/auth/me"), ("POST", "/store/units")])
def test_no_token_where_one_is_needed_is_401(api: Api, method: str, path: str) -> None:
    answer = api.call(method, path)
    problem(answer, 401, "authentication_required")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_bad_token_doesnt_matter_where_one_signs_in(api: Api, register: Callable[[], Any]) -> None:
    session = register()
    good(
        api.post("/auth/register", {"email": f"{unique('b')}@example.org", "password": PASSWORD}, token="bad"),
        201,
    )
    good(api.post("/auth/login", {"email": session["user"]["email"], "password": PASSWORD}, token="bad"))
    good(api.post("/auth/refresh", {"refresh_token": session["refresh_token"]}, token="bad"))
    for path in ("/auth/health", "/store/health", "/basket/health", "/auth/.well-known/jwks.json"):
        good(api.get(path, token="bad"))


def test_a_token_carries_its_claims_and_nothing_personal(session: Any, claims: Claims, signing: dict[str, Any]) -> None:
    assert set(claims) == {"iss", "aud", "sub", "role", "sid", "iat", "exp"}
    assert claims["exp"] - claims["iat"] == 900
    assert jwt.get_unverified_header(session["access_token"]) == {
        "alg": "EdDSA",
        "kid": ANY,
        "typ": "JWT",
    }
    # Keys may have been rotated since, or before in a function that doesn't know yet.
    places = (signing["current"], signing["next"], *signing["previous"])
    assert jwt.get_unverified_header(session["access_token"])["kid"] in [key["kid"] for key in places]


def test_the_scheme_is_read_whatever_its_case(api: Api, buyer: str) -> None:
    good(api.get("/auth/me", headers={"Authorization": f"bearer {buyer}"}))


def test_a_disabled_users_token_is_refused_at_me(api: Api, session: Any, sql: Any) -> None:
    sql.execute("UPDATE auth.users SET disabled = true WHERE id = %s", [session["user"]["id"]])
    problem(api.get("/auth/me", token=session["access_token"]), 401, "invalid_token")
    problem(api.post("/auth/refresh", {"refresh_token": session["refresh_token"]}), 401, "invalid_refresh_token")
    refused = {"email": session["user"]["email"], "password": PASSWORD}
    problem(api.post("/auth/login", refused), 401, "invalid_credentials")
