"""Nobody learns who has an account from what is done for a request: the same statements, commands and hashes.

How long these take is measured by `make bench`; here they are counted, which doesn't depend on the machine.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import argon2
import psycopg
import pytest
from redis.connection import AbstractConnection

from auth.limits import forget_limits
from tests.functions.calls import Answer, call, good, unique
from tests.functions.strangers import post, sign_in, somewhere

PASSWORD = "correct horse battery 42"
Work = tuple[list[str], list[str], Counter[str]]


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Answer]], tuple[Answer, Work]]:
    """Makes a request and says what was done for it: SQL statements, Redis commands, hashes made and looked at."""
    statements: list[str] = []
    commands: list[str] = []
    hashes: Counter[str] = Counter()
    execute = psycopg.Cursor.execute
    send: Any = AbstractConnection.send_packed_command

    def executed(self: Any, query: Any, *given: Any, **named: Any) -> Any:
        statements.append(str(query))
        return execute(self, query, *given, **named)

    def sent(self: Any, command: Any, *given: Any, **named: Any) -> Any:
        packed = command if isinstance(command, bytes) else b"".join(command)
        commands.append(packed.split(b"\r\n", 3)[2].decode())
        return send(self, command, *given, **named)

    def counting(name: str, done: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            hashes[name] += 1
            return done(*given, **named)

        return counted

    monkeypatch.setattr(psycopg.Cursor, "execute", executed)
    monkeypatch.setattr(AbstractConnection, "send_packed_command", sent)
    for name in ("verify", "hash"):
        monkeypatch.setattr(argon2.PasswordHasher, name, counting(name, getattr(argon2.PasswordHasher, name)))

    def work(request: Callable[[], Answer]) -> tuple[Answer, Work]:
        statements.clear()
        commands.clear()
        hashes.clear()
        answer = request()
        return answer, (list(statements), list(commands), Counter(hashes))

    forget_limits()
    return work


@pytest.fixture
def addresses(customer: Any, sql: Any) -> dict[str, str]:
    """Addresses of each sort."""
    disabled = f"{unique()}@example.org"
    good(call("POST", "/auth/register", {"email": disabled, "password": PASSWORD}), 201)
    sql.execute("UPDATE auth.users SET disabled = true WHERE email = %s", [disabled])
    without = f"{unique()}@example.org"
    good(call("POST", "/auth/register", {"email": without, "password": PASSWORD}), 201)
    sql.execute("UPDATE auth.users SET password_hash = NULL WHERE email = %s", [without])
    factor = f"{unique()}@example.org"
    good(call("POST", "/auth/register", {"email": factor, "password": PASSWORD}), 201)
    sql.execute("UPDATE auth.users SET totp_enabled_at = now(), totp_secret = 'x' WHERE email = %s", [factor])
    return {
        "known": customer["user"]["email"],
        "known, in capitals": customer["user"]["email"].upper(),
        "disabled": disabled,
        "without a password": without,
        "with a second factor": factor,
        "unknown": f"{unique('nobody')}@example.org",
        "of another script": f"{unique('никто')}@пример.рф",
        "none at all": unique("nobody at all"),
    }


def the_same(told: dict[str, tuple[Answer, Work]], *, changing: tuple[str, ...]) -> None:
    """All answers are alike in status, body and headers, and so is what was done."""
    (_, (expected, work)), *others = told.items()
    for kind, (answer, done) in others:
        assert answer.status == expected.status, kind
        assert _steady(answer, changing) == _steady(expected, changing), kind
        for mine, theirs in zip(done, work, strict=True):
            assert mine == theirs, kind


def _steady(answer: Answer, changing: tuple[str, ...]) -> Any:
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "content-length")}
    if not answer.content:
        return headers, None
    return headers, {name: value for name, value in answer.body.items() if name not in changing}


def by_form(email: str, password: str) -> Answer:
    body = urlencode({"grant_type": "password", "username": email, "password": password}).encode()
    return call("POST", "/auth/token", body, headers={"Content-Type": "application/x-www-form-urlencoded"})


def from_here(email: str, password: str) -> Answer:
    """From the address that the accounts were made from, which makes it a known one to them."""
    return call("POST", "/auth/login", {"email": email, "password": password})


@pytest.mark.parametrize("way", [sign_in, from_here, by_form])
@pytest.mark.parametrize("password", ["not it, surely", "x" * 9_000, "qwerty", "п" * 40])
def test_a_refused_sign_in_takes_the_same_work(
    way: Callable[[str, str], Answer], password: str, worked: Any, addresses: dict[str, str]
) -> None:
    worked(lambda: way(f"{unique()}@example.org", password))  # connections and scripts are there afterwards
    told = {kind: worked(lambda email=email: way(email, password)) for kind, email in addresses.items()}
    the_same(told, changing=("trace_id",))
    _, (statements, _, hashes) = told["known"]
    assert hashes == {"verify": 1}
    assert statements


def test_the_right_password_of_a_disabled_account_takes_the_same_work_as_a_wrong_one(
    worked: Any, addresses: dict[str, str]
) -> None:
    worked(lambda: sign_in(f"{unique()}@example.org", "not it, surely"))
    told = {
        "wrong": worked(lambda: sign_in(addresses["known"], "not it, surely")),
        "disabled": worked(lambda: sign_in(addresses["disabled"], PASSWORD)),
        "unknown": worked(lambda: sign_in(addresses["unknown"], PASSWORD)),
    }
    the_same(told, changing=("trace_id",))


def test_a_forgotten_password_takes_the_same_work(worked: Any, addresses: dict[str, str]) -> None:
    def forgot(email: str) -> Callable[[], Answer]:
        return lambda: post("/auth/password/forgot", {"email": email}, somewhere())

    worked(forgot(f"{unique()}@example.org"))
    told = {kind: worked(forgot(email)) for kind, email in addresses.items()}
    the_same(told, changing=())
    answer, (statements, _, hashes) = told["known"]
    assert answer.status == 202
    assert not hashes
    assert any("outbox" in statement for statement in statements)
    assert any("audit" in statement for statement in statements)


def test_a_taken_address_is_hashed_for_as_a_free_one_is(worked: Any, addresses: dict[str, str]) -> None:
    """That an address is taken is said; it isn't said sooner than that it is free."""

    def registering(email: str) -> Callable[[], Answer]:
        return lambda: post("/auth/register", {"email": email, "password": PASSWORD}, somewhere())

    taken, (_, _, hashes) = worked(registering(addresses["known"]))
    free, (_, _, others) = worked(registering(f"{unique()}@example.org"))
    assert (taken.status, free.status) == (409, 201)
    assert hashes == others
    assert hashes["hash"] == 1
