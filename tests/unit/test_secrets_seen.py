"""The search of the logs for secrets: every spelling is found, nothing else is."""

import json
from urllib.parse import quote_plus

import pytest

from tests import secrets_seen
from tests.secrets_seen import search

TOKEN = "pX3-9kQz_Lr7vN2mB8sTaWc4yE6uJd1HfGg5oRi0_Kw"
PASSWORD = "correct horse battery 42"
RUSSIAN = "пароль длинный 42"
ADDRESS = "anna.very-much@mail.test"
SEEN = {TOKEN: "a token", PASSWORD: "a password", RUSSIAN: "a password", ADDRESS: "an address"}


def found(line: str) -> list[str]:
    return [told.rpartition(": ")[2] for told in search("log", [line], SEEN)]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f"Bearer {TOKEN}", "a token"),
        (f'{{"a":"x\\n{TOKEN}\\n"}}', "a token"),
        (f"https://shop.test/reset#token={TOKEN}", "a token"),
        (f"token {TOKEN[:-3]}…", "a token"),
        (f"given {PASSWORD}", "a password"),
        (f"given {quote_plus(PASSWORD)}&x=1", "a password"),
        (json.dumps({"password": RUSSIAN}), "a password"),
        (json.dumps({"password": RUSSIAN}, ensure_ascii=False), "a password"),
        (f"to=<{ADDRESS}>", "an address"),
        (f"GET /?q={ADDRESS.replace('@', '%40')}", "an address"),
        ("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.x", "a JWT"),
        ("hash $argon2id$v=19$m=19456", "a password's hash"),
        ("-----BEGIN PRIVATE KEY-----", "a private key"),
        ("somebody@example.org", "an e-mail address"),
        ("somebody%40shop.example", "an e-mail address"),
    ],
)
def test_a_secret_is_found_however_it_is_spelt(line: str, kind: str) -> None:
    assert kind in found(line)


@pytest.mark.parametrize(
    "line",
    [
        "the correct horse",
        "a battery of 42 tests",
        "rabbit@localhost eatit@db",
        "from EatIt <no-reply@shop.example>",
        '{"trace_id":"019aa7c0-0000-7000-8000-000000000001","route":"/auth/password"}',
    ],
)
def test_nothing_else_is(line: str) -> None:
    assert not found(line)


def test_a_find_is_told_by_place_and_kind_alone() -> None:
    lines = ["nothing", f"one {TOKEN}", f"two {TOKEN}"]
    assert list(search("functions.log", lines, SEEN)) == ["functions.log:2: a token"]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    noted: dict[str, str] = {}
    monkeypatch.setattr(secrets_seen, "_seen", noted)
    return noted


def test_bodies_and_headers_are_noted(seen: dict[str, str]) -> None:
    body = {"items": [{"recovery_codes": ["7KQ2M-XN4RT-9PWZB-CH3DF"]}], "email": ADDRESS, "password": PASSWORD}
    secrets_seen.note_text(json.dumps(body))
    secrets_seen.note_text(f"username={quote_plus('b@mail.test')}&password={quote_plus(RUSSIAN)}", form=True)
    secrets_seen.note_headers([("authorization", f"Bearer {TOKEN}")])
    assert set(seen) == {"7KQ2M-XN4RT-9PWZB-CH3DF", ADDRESS, PASSWORD, "b@mail.test", RUSSIAN, TOKEN}


def test_a_deployments_own_secrets_are_noted_without_what_is_public(seen: dict[str, str]) -> None:
    key = {"kid": "k" + TOKEN, "x": "x" + TOKEN, "d": TOKEN}
    secrets_seen.note_own({"postgres": PASSWORD, "written": {"jwks": {"keys": [key]}, "users": {"admin": RUSSIAN}}})
    assert set(seen) == {TOKEN, PASSWORD, RUSSIAN}


def test_what_stands_in_any_log_is_no_secret(seen: dict[str, str]) -> None:
    for word in ("password", "12345678", "2026-11-22 00:00:00", "short", "aaaaaaaaaaaaaaa", ""):
        secrets_seen.note_text(json.dumps({"password": word, "refresh_token": word}))
    secrets_seen.note_text("not JSON")
    secrets_seen.note_text(json.dumps({"code": "invalid_credentials", "title": PASSWORD}))
    assert not seen
