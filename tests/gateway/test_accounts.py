"""Accounts: one an address, whatever its case and however many ask at once; nobody makes themselves staff."""

import re
from typing import Any

import pytest

from tests.gateway.conftest import PASSWORD
from tests.gateway.shop import Api, at_once, faults, good, problem, unique


def address() -> str:
    return f"{unique('person')}@example.org"


def test_an_address_stands_for_one_account_whatever_its_case(api: Api) -> None:
    taken = address()
    good(api.post("/auth/register", {"email": taken, "password": PASSWORD}), 201)
    for same in (taken, taken.upper(), f" {taken} ", taken.replace("example", "EXAMPLE")):
        problem(api.post("/auth/register", {"email": same, "password": PASSWORD}), 409, "email_taken")
        good(api.post("/auth/login", {"email": same, "password": PASSWORD}))


def test_of_many_at_once_one_gets_the_address(api: Api) -> None:
    for _ in range(3):
        wanted = address()
        bodies = [{"email": email, "password": PASSWORD} for email in (wanted, wanted.upper(), wanted.title())]
        answers = at_once(
            [lambda body=body: api.post("/auth/register", body) for body in bodies * 3]  # type: ignore[misc]
        )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 8
        for answer in answers:
            if answer.status_code == 409:
                problem(answer, 409, "email_taken")


@pytest.mark.parametrize(
    "field", ["role", "email_verified", "id", "disabled", "telegram_id", "version", "password_hash"]
)
def test_nobody_gives_themselves_what_isnt_theirs_to_give(api: Api, session: Any, field: str) -> None:
    body = {"email": address(), "password": PASSWORD, field: "admin"}
    assert faults(api.post("/auth/register", body)) == {(f"/{field}", "unknown_field")}
    good(api.post("/auth/register", {"email": body["email"], "password": PASSWORD}), 201)
    changed = api.patch("/auth/me", {field: "admin"}, token=session["access_token"])
    assert faults(changed) == {(f"/{field}", "unknown_field")}
    assert good(api.get("/auth/me", token=session["access_token"]))["role"] == "customer"


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "too_short"),
        ("", "too_short"),
        ("password", "too_common"),
        ("PASSWORD123", "too_common"),
        ("aaaaaaaaaaaa", "too_common"),
        ("x" * 1025, "too_long"),
    ],
)
def test_a_weak_password_is_422(api: Api, password: str, code: str) -> None:
    refused = api.post("/auth/register", {"email": address(), "password": password})
    assert faults(refused, code="weak_password") == {("/password", code)}


def test_a_password_made_of_the_address_is_weak(api: Api) -> None:
    mine = address()
    refused = api.post("/auth/register", {"email": mine, "password": mine.partition("@")[0]})
    assert faults(refused, code="weak_password") == {("/password", "made_of_email")}


@pytest.mark.parametrize(
    "email",
    [
        "",
        "x",
        "x@",
        "@example.org",
        "a b@example.org",
        "x@example..org",
        "x@exa mple.org",
        "x" * 65 + "@a.org",
        "x" * 400 + "@a.org",
    ],
)
def test_what_is_no_address_is_422(api: Api, email: str) -> None:
    refused = api.post("/auth/register", {"email": email, "password": PASSWORD})
    assert {pointer for pointer, _ in faults(refused)} == {"/email"}


def test_wrong_pairs_are_refused_alike(api: Api, session: Any) -> None:
    known = session["user"]["email"]
    for email, password in ((known, "wrong password"), (address(), PASSWORD), ("x", PASSWORD), (known, "x" * 5000)):
        answer = api.post("/auth/login", {"email": email, "password": password})
        body = problem(answer, 401, "invalid_credentials")
        assert "errors" not in body


def test_a_password_isnt_told_back(api: Api) -> None:
    secret = "S3cret-" + unique()
    for answer in (
        api.post("/auth/register", {"email": "x", "password": secret}),
        api.post("/auth/register", {"email": address(), "password": secret, secret[::-1]: secret}),
        api.post("/auth/login", {"email": [secret], "password": secret}),
        api.post("/auth/register", {"email": address(), "password": secret}),
    ):
        assert secret not in answer.text


def test_a_new_accounts_language_follows_the_request(api: Api) -> None:
    for accepted, language in (("en", "en"), ("ru", "ru"), ("de", "ru")):
        body = {"email": address(), "password": PASSWORD}
        made = good(api.post("/auth/register", body, headers={"Accept-Language": accepted}), 201)
        assert made["user"]["language"] == language


def test_a_user_is_told_in_the_contracts_shape(api: Api, session: Any) -> None:
    user = good(api.get("/auth/me", token=session["access_token"]))
    assert {
        "id", "email", "email_verified", "display_name", "language", "role", "telegram_id", "created_at",
    } <= set(user)  # fmt: skip
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", user["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", user["created_at"])
    assert not [name for name in user if "password" in name or "hash" in name]


def test_an_address_in_any_script_is_an_address(api: Api) -> None:
    email = f"{unique('анна')}@пример.рф"
    good(api.post("/auth/register", {"email": email, "password": "пароль длинный 42"}), 201)
    good(api.post("/auth/login", {"email": email.upper(), "password": "пароль длинный 42"}))


def test_wrong_passwords_reach_429(api: Api) -> None:
    account = address()
    good(api.post("/auth/register", {"email": account, "password": PASSWORD}), 201)
    for _ in range(60):
        answer = api.post("/auth/login", {"email": account, "password": "not it, surely"})
        if answer.status_code == 429:
            break
        problem(answer, 401, "invalid_credentials")
    problem(answer, 429, "too_many_requests")
    assert int(answer.headers["Retry-After"]) >= 1
