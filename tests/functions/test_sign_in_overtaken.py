"""Signing in while the account is disabled or its password changed: whoever comes second counts."""

from typing import Any

import psycopg
import pytest

from auth import sign_in
from auth.passwords import holds
from tests.functions.calls import call, good, unique

PASSWORD = "correct horse battery 42"
OVERTAKING = {
    "disabled": "UPDATE auth.users SET disabled = true WHERE id = %s",
    "changed": "UPDATE auth.users SET password_changed_at = now() WHERE id = %s",
    "enrolled": "UPDATE auth.users SET totp_enabled_at = now() WHERE id = %s",
}


@pytest.mark.parametrize("how", sorted(OVERTAKING))
def test_account_is_looked_at_again_after_its_password(
    sql: "psycopg.Connection[Any]", monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    credentials = {"email": f"{unique()}@example.org", "password": PASSWORD}
    user = good(call("POST", "/auth/register", credentials), 201)["user"]["id"]

    def overtaken(password_hash: str | None, password: str) -> bool:
        fits = holds(password_hash, password)
        sql.execute(OVERTAKING[how], (user,))
        return fits

    monkeypatch.setattr(sign_in, "holds", overtaken)
    answer = call("POST", "/auth/login", credentials)
    assert (answer.status, answer.body["code"]) == (401, "invalid_credentials")
    began = sql.execute("SELECT count(*) FROM auth.sessions WHERE user_id = %s", (user,)).fetchone()
    assert began == (1,)  # the one of registering


def test_two_who_sign_in_with_an_old_hash_at_once_both_come_in(
    sql: "psycopg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash that the first made anew isn't another password."""
    from argon2 import PasswordHasher

    credentials = {"email": f"{unique()}@example.org", "password": PASSWORD}
    user = good(call("POST", "/auth/register", credentials), 201)["user"]["id"]
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    sql.execute("UPDATE auth.users SET password_hash = %s WHERE id = %s", (cheap.hash(PASSWORD), user))

    def overtaken(password_hash: str | None, password: str) -> bool:
        fits = holds(password_hash, password)
        sql.execute("UPDATE auth.users SET password_hash = %s WHERE id = %s", (cheap.hash(PASSWORD), user))
        return fits

    monkeypatch.setattr(sign_in, "holds", overtaken)
    good(call("POST", "/auth/login", credentials))
