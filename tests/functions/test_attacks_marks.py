"""Tokens that were ended, with Redis there, cut off at that very moment, and emptied afterwards; what the log says."""

import io
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import jwt
import pytest
import redis

from auth.limits import forget_limits
from eatit.revocation import forget_looks
from tests.functions.calls import Answer, call, good, unique
from tests.functions.mails import listened
from tests.functions.wire import Wire

PASSWORD = "correct horse battery 42"
GROUPS = ("/auth/me", "/store/units", "/basket")


class Account:
    """An account of a role with two sessions: one that will be ended, and one to end it from."""

    def __init__(self, sql: Any, role: str) -> None:
        self.email = f"{unique('mark')}@example.org"
        body = {"email": self.email, "password": PASSWORD}
        self.id: str = good(call("POST", "/auth/register", body), 201)["user"]["id"]
        sql.execute("UPDATE auth.users SET role = %s WHERE id = %s", [role, self.id])
        self.victim = good(call("POST", "/auth/login", body))
        self.other = good(call("POST", "/auth/login", body))
        self.role = role

    @property
    def session_id(self) -> str:
        return str(jwt.decode(self.victim["access_token"], options={"verify_signature": False})["sid"])

    def answers(self) -> dict[str, int]:
        """What the token is answered by each group, once it looks at the marks again."""
        forget_looks()
        return {path: call("GET", path, token=self.victim["access_token"]).status for path in GROUPS}

    def refresh(self) -> Answer:
        return call("POST", "/auth/refresh", {"refresh_token": self.victim["refresh_token"]})


def _sign_out(account: Account, _admin: str) -> None:
    good(call("POST", "/auth/logout", {"refresh_token": account.victim["refresh_token"]}), 204)


def _end_it(account: Account, _admin: str) -> None:
    good(call("DELETE", f"/auth/sessions/{account.session_id}", token=account.other["access_token"]), 204)


def _end_all(account: Account, _admin: str) -> None:
    good(call("DELETE", "/auth/sessions", token=account.other["access_token"]), 204)


def _change_password(account: Account, _admin: str) -> None:
    body = {"current_password": PASSWORD, "new_password": "another fine password 43"}
    good(call("POST", "/auth/password", body, token=account.other["access_token"]), 204)


def _disable(account: Account, admin: str) -> None:
    good(call("PATCH", f"/auth/users/{account.id}", {"disabled": True}, token=admin))


ENDS = [_sign_out, _end_it, _end_all, _change_password, _disable]
End = Callable[[Account, str], None]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("role", ["customer", "staff", "admin"])
def test_with_redis_an_ended_token_is_refused_by_all(sql: Any, admin: str, role: str, end: End) -> None:
    account = Account(sql, role)
    assert set(account.answers().values()) == {200}
    end(account, admin)
    assert account.refresh().status == 401
    assert set(account.answers().values()) == {401}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("role", ["customer", "staff", "admin"])
def test_with_redis_cut_off_at_that_moment(sql: Any, admin: str, wired: Any, role: str, end: End) -> None:
    account = Account(sql, role)
    wire: Wire = wired("REDIS_URL")
    assert set(account.answers().values()) == {200}
    wire.cut()
    end(account, admin)
    # Postgres knows: no new pair, and no staff or admin in auth.
    assert account.refresh().status == 401
    told = account.answers()
    assert told["/auth/me"] == (200 if role == "customer" and end is not _disable else 401)
    assert (told["/store/units"], told["/basket"]) == (200, 200), "until its own end: no mark tells of it"
    # An admin's token that is over makes nobody an admin.
    if role == "admin":
        refused = call("PATCH", f"/auth/users/{account.id}", {"disabled": False}, token=account.victim["access_token"])
        assert (refused.status, refused.body["code"]) == (401, "invalid_token")
        assert call("GET", "/auth/audit", token=account.victim["access_token"]).status == 401
    wire.mend()
    assert account.refresh().status == 401
    assert role == "customer" or account.answers()["/auth/me"] == 401


@pytest.mark.parametrize("role", ["customer", "staff"])
def test_its_own_end_comes_without_redis_too(sql: Any, admin: str, wired: Any, role: str) -> None:
    from auth.keys import ACCESS_SECONDS, access_token

    account = Account(sql, role)
    wire: Wire = wired("REDIS_URL")
    wire.cut()
    _sign_out(account, admin)
    ids = UUID(account.id), role, UUID(account.session_id)
    account.victim["access_token"] = access_token(*ids, issued_at=int(time.time()) - ACCESS_SECONDS - 61)
    assert set(account.answers().values()) == {401}


@pytest.mark.parametrize("end", [_sign_out, _disable])
@pytest.mark.parametrize("role", ["customer", "staff", "admin"])
def test_with_redis_emptied_afterwards(sql: Any, shop: dict[str, Any], admin: str, role: str, end: End) -> None:
    account = Account(sql, role)
    end(account, admin)
    assert set(account.answers().values()) == {401}
    with redis.Redis.from_url(shop["redis_url"]) as client:
        client.flushdb()
    assert account.refresh().status == 401
    told = account.answers()
    assert told["/auth/me"] == (200 if role == "customer" and end is not _disable else 401)
    assert (told["/store/units"], told["/basket"]) == (200, 200)


def test_a_role_that_was_taken_away_counts_no_more_in_auth_without_redis(sql: Any, admin: str, wired: Any) -> None:
    account = Account(sql, "admin")
    wire: Wire = wired("REDIS_URL")
    wire.cut()
    good(call("PATCH", f"/auth/users/{account.id}", {"role": "staff"}, token=admin))
    for method, path, body in (
        ("GET", "/auth/users", None),
        ("GET", "/auth/audit", None),
        ("PATCH", f"/auth/users/{account.id}", {"role": "admin"}),
    ):
        answer = call(method, path, body, token=account.victim["access_token"])
        assert (answer.status, answer.body["code"]) == (401, "invalid_token")
    # The next pair has the new role.
    account.victim = good(account.refresh())
    assert call("GET", "/auth/users", token=account.victim["access_token"]).status == 403


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    return listened(monkeypatch)


def test_a_stolen_token_is_a_security_event_in_the_log(customer: Any, sql: Any, heard: io.StringIO) -> None:
    sid = jwt.decode(customer["access_token"], options={"verify_signature": False})["sid"]
    stolen = {"refresh_token": customer["refresh_token"]}
    successor = good(call("POST", "/auth/refresh", stolen))
    sql.execute(
        "UPDATE auth.refresh_tokens SET rotated_at = rotated_at - interval '11 seconds'"
        " WHERE rotated_at IS NOT NULL AND session_id = %s",
        [sid],
    )
    answer = call("POST", "/auth/refresh", stolen)
    assert (answer.status, answer.body["code"]) == (401, "refresh_token_reused")
    lines = [json.loads(line) for line in heard.getvalue().splitlines()]
    (event,) = [line for line in lines if "security event" in line["message"]]
    assert event["level"] == "WARNING"
    assert event["session_id"] == sid
    assert event["trace_id"] == answer.body["trace_id"]
    said = heard.getvalue()
    for secret in (stolen["refresh_token"], successor["refresh_token"], customer["user"]["email"]):
        assert secret not in said
    # Once: a thief who goes on can't fill the log with it.
    for token in (stolen, {"refresh_token": successor["refresh_token"]}):
        assert call("POST", "/auth/refresh", token).body["code"] == "invalid_refresh_token"
    assert heard.getvalue().count("security event") == 1
    # Nor the owner's mailbox, where it is told as well.
    asked = sql.execute(
        "SELECT state ->> 'kind' FROM events.outbox WHERE type = 'auth.mail.requested' AND aggregate_id = %s"
        " ORDER BY id",
        [customer["user"]["id"]],
    )
    assert asked.fetchall() == [("verify",), ("session_stolen",)]


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP"])
def test_limits_sessions_and_audit_go_by_the_address_that_the_gateway_saw(
    customer: Any, shop: dict[str, Any], sql: Any, name: str
) -> None:
    forget_limits()  # they may be leaving Redis alone, after it was cut off
    forged = {name: "198.51.100.66" if name != "Forwarded" else "for=198.51.100.66"}
    body = {"email": customer["user"]["email"], "password": PASSWORD}
    good(call("POST", "/auth/login", body, headers=forged))
    assert call("POST", "/auth/login", {**body, "password": "not it, surely"}, headers=forged).status == 401
    user = [customer["user"]["id"]]
    for table in ("sessions", "audit"):
        rows = sql.execute(f"SELECT DISTINCT address FROM auth.{table} WHERE user_id = %s", user).fetchall()
        assert rows == [("203.0.113.7",)], table
    with redis.Redis.from_url(shop["redis_url"]) as client:
        names = [key.decode() for key in client.scan_iter("*")]
    assert not [key for key in names if "198.51.100" in key]
    assert [key for key in names if "203.0.113" in key], "what is counted by address, is by this one"
