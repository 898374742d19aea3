"""POST /auth/token: OAuth 2's form, its answers and its errors (RFC 6749), whatever is sent."""

import base64
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from pyotp import TOTP

from tests.functions.calls import Answer, call, eventually, good, invoke, unique
from tests.functions.events import rest_event
from tests.functions.wire import Wire

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PASSWORD = "correct horse battery 42"
FIELDS = {"error", "error_description", "code"}


def send(body: bytes, *, headers: dict[str, str] = FORM) -> Answer:
    """A form as the gateway hands it on: in base64."""
    return invoke(rest_event("POST", "/auth/token", body, headers=headers, base64_body=True))


def ask(fields: dict[str, str], headers: dict[str, str] | None = None) -> Answer:
    return send(urlencode(fields).encode(), headers={**FORM, **(headers or {})})


def by_password(email: str, password: str = PASSWORD, *, headers: dict[str, str] | None = None, **more: str) -> Answer:
    return ask({"grant_type": "password", "username": email, "password": password, **more}, headers)


def by_refresh_token(token: str) -> Answer:
    return ask({"grant_type": "refresh_token", "refresh_token": token})


def refused(answer: Answer, error: str, code: str, *, status: int = 400) -> str:
    """The description of a refusal that has OAuth 2's shape and nothing else."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.body) == FIELDS
    assert (answer.body["error"], answer.body["code"]) == (error, code), answer.body
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert "x-request-id" in answer.headers
    # RFC 6749, section 5.2
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", answer.body["error_description"])
    return str(answer.body["error_description"])


def test_a_password_gives_a_token_pair_that_holds(customer: Any) -> None:
    email = customer["user"]["email"]
    answer = by_password(email, scope="", client_id="x", client_secret="")
    pair = good(answer)
    assert set(pair) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 900)
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert good(call("GET", "/auth/me", token=pair["access_token"]))["email"] == email


def test_a_refresh_token_is_rotated_here_as_there(customer: Any) -> None:
    first = good(by_password(customer["user"]["email"]))
    second = good(by_refresh_token(first["refresh_token"]))
    assert second["refresh_token"] != first["refresh_token"]
    assert good(by_refresh_token(first["refresh_token"])) == second, "within ten seconds: the same pair"
    there = good(call("POST", "/auth/refresh", {"refresh_token": second["refresh_token"]}))
    assert good(by_refresh_token(there["refresh_token"]))["access_token"]


def test_a_token_used_again_later_ends_the_session(customer: Any, sql: Any) -> None:
    pair = good(by_password(customer["user"]["email"]))
    following = good(by_refresh_token(pair["refresh_token"]))
    sql.execute(
        "UPDATE auth.refresh_tokens SET rotated_at = rotated_at - interval '11 seconds' WHERE rotated_at IS NOT NULL"
        " AND session_id IN (SELECT id FROM auth.sessions WHERE user_id = %s)",
        [customer["user"]["id"]],
    )
    refused(by_refresh_token(pair["refresh_token"]), "invalid_grant", "refresh_token_reused")
    refused(by_refresh_token(following["refresh_token"]), "invalid_grant", "invalid_refresh_token")


def test_a_wrong_pair_is_an_invalid_grant(customer: Any, sql: Any) -> None:
    email = customer["user"]["email"]
    told = {
        refused(by_password(email, "not it, surely"), "invalid_grant", "invalid_credentials"),
        refused(by_password(f"{unique()}@example.org"), "invalid_grant", "invalid_credentials"),
        refused(by_password(unique("no address")), "invalid_grant", "invalid_credentials"),
    }
    assert len(told) == 1
    sql.execute("UPDATE auth.users SET disabled = true WHERE id = %s", [customer["user"]["id"]])
    refused(by_password(email), "invalid_grant", "invalid_credentials")
    for token in ("x", "🧀", customer["refresh_token"], customer["access_token"][:500]):
        refused(by_refresh_token(token), "invalid_grant", "invalid_refresh_token")


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({}, {"grant_type"}),
        ({"grant_type": ""}, {"grant_type"}),
        ({"username": "x", "password": "y"}, {"grant_type"}),
        ({"grant_type": "password"}, {"username", "password"}),
        ({"grant_type": "password", "username": "x", "password": ""}, {"password"}),
        ({"grant_type": "password", "email": "x@example.org", "password": "y"}, {"username"}),
        ({"grant_type": "refresh_token"}, {"refresh_token"}),
        ({"grant_type": "refresh_token", "refresh_token": ""}, {"refresh_token"}),
    ],
)
def test_what_is_absent_or_empty_is_named(fields: dict[str, str], missing: set[str]) -> None:
    told = refused(ask(fields), "invalid_request", "invalid_body")
    assert set(re.findall(r"(\w+): This field is required", told)) == missing


@pytest.mark.parametrize(
    "kind", ["client_credentials", "authorization_code", "PASSWORD", "implicit", "🧀", "x" * 10_000]
)
def test_another_grant_type_is_unsupported(kind: str) -> None:
    refused(
        ask({"grant_type": kind, "username": "x", "password": "y"}), "unsupported_grant_type", "unsupported_grant_type"
    )


@pytest.mark.parametrize("twice", ["grant_type", "username", "password", "refresh_token", "scope", "whatever"])
def test_a_parameter_twice_is_an_invalid_request(twice: str) -> None:
    body = urlencode({"grant_type": "password", "username": "x", "password": "y", twice: "1"}).encode()
    told = refused(send(body + f"&{twice}=2".encode()), "invalid_request", "invalid_body")
    assert told.startswith(f"{twice}: ")


@pytest.mark.parametrize(
    "garbage",
    [
        b"password=%zz",
        b"password=100%",
        b"password=%ff",
        b"password=\xff",
        b"password=x%00",
        b"%00=x",
        b"\0",
        b"&" * 100_000,
        b"&".join(b"f%d=1" % number for number in range(100_000)),
        b"\x80" * 1_048_000,
    ],
)
def test_garbage_is_an_invalid_request(garbage: bytes) -> None:
    told = refused(send(b"grant_type=password&username=x&" + garbage), "invalid_request", "unreadable_form")
    assert told.startswith("The form can't be read: ")


def test_hostile_names_reach_neither_headers_nor_quotes() -> None:
    name = 'a"\\\r\nSet-Cookie: x=1\u2028<script>'
    body = urlencode([("grant_type", "password"), (name, "1"), (name, "2")]).encode()
    told = refused(send(body), "invalid_request", "invalid_body")
    assert len(told) < 200


@pytest.mark.parametrize(("field", "size"), [("username", 321), ("password", 10_001)])
def test_too_long_a_value_is_an_invalid_request(field: str, size: int) -> None:
    fields = {"username": "x@example.org", "password": "y", field: "x" * size}
    told = refused(ask({"grant_type": "password", **fields}), "invalid_request", "invalid_body")
    assert told.startswith(f"{field}: ")
    told = refused(by_refresh_token("x" * 501), "invalid_request", "invalid_body")
    assert told.startswith("refresh_token: ")


def test_another_media_type_is_an_invalid_request(customer: Any) -> None:
    body = urlencode({"grant_type": "password", "username": customer["user"]["email"], "password": PASSWORD}).encode()
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", ""):
        refused(send(body, headers={"Content-Type": kind}), "invalid_request", "unreadable_form")
    for headers in ({}, {"Content-Type": "Application/X-WWW-Form-Urlencoded ; charset=UTF-8"}):
        good(send(body, headers=headers))


def test_over_a_mebibyte_is_told_before_anything_is_read() -> None:
    answer = send(b"password=" + b"x" * 1_048_577)
    assert (answer.status, answer.body["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "header",
    [
        "Basic Og==",
        "Basic " + base64.b64encode(b"eatit:secret").decode(),
        "Basic \xff",
        "Bearer garbage",
        "Bearer ",
        "x",
    ],
)
def test_no_header_is_read(header: str, customer: Any) -> None:
    email = customer["user"]["email"]
    good(by_password(email, headers={"Authorization": header}))
    refused(by_password(email, "no", headers={"Authorization": header}), "invalid_grant", "invalid_credentials")


def test_nothing_is_taken_from_the_address(customer: Any) -> None:
    query = urlencode({"username": customer["user"]["email"], "password": PASSWORD})
    event = rest_event("POST", f"/auth/token?{query}", b"grant_type=password", headers=FORM, base64_body=True)
    refused(invoke(event), "invalid_request", "invalid_body")


def test_a_second_factor_is_asked_for(customer: Any) -> None:
    email, token = customer["user"]["email"], customer["access_token"]
    secret = good(call("POST", "/auth/totp", token=token))["secret"]
    confirmed = good(call("POST", "/auth/totp/confirm", {"code": TOTP(secret).now()}, token=token))
    refused(by_password(email), "mfa_required", "totp_required")
    refused(by_password(email, totp_code=""), "mfa_required", "totp_required")
    refused(by_password(email, "not it, surely"), "invalid_grant", "invalid_credentials")
    refused(by_password(email, totp_code="000000"), "invalid_grant", "invalid_totp_code")
    refused(by_password(email, totp_code="x" * 101), "invalid_request", "invalid_body")
    code = confirmed["recovery_codes"][0]
    pair = good(by_password(email, totp_code=code))
    assert good(call("GET", "/auth/me", token=pair["access_token"]))["email"] == email
    refused(by_password(email, totp_code=code), "invalid_grant", "invalid_totp_code")
    assert good(by_refresh_token(pair["refresh_token"]))


def test_too_many_tries_have_to_wait_here_as_there() -> None:
    email = f"{unique()}@example.org"
    for _ in range(100):
        if call("POST", "/auth/login", {"email": email, "password": "not it, surely"}).status == 429:
            break
    answer = by_password(email, "not it, surely")
    refused(answer, "temporarily_unavailable", "too_many_requests", status=429)
    assert int(answer.headers["retry-after"]) >= 1


def test_without_the_database_it_is_503_and_heals(customer: Any, wired: Callable[[str], Wire]) -> None:
    email = customer["user"]["email"]
    wire = wired("DATABASE_URL")
    pair = good(by_password(email))
    wire.cut()
    for answer in (by_password(email), by_refresh_token(pair["refresh_token"])):
        refused(answer, "temporarily_unavailable", "unavailable", status=503)
        assert int(answer.headers["retry-after"]) >= 1
        assert "127.0.0.1" not in answer.content.decode()
    wire.mend()
    eventually(lambda: good(by_refresh_token(pair["refresh_token"])))
