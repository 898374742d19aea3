"""The audit: every action that it knows is told by whoever does it, it is read by admins alone, and it only grows."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

import psycopg
import pytest

from auth.audit import ACTIONS
from localstack.deploy import get_secret
from tests.authenticators import Authenticator
from tests.functions.calls import Answer, call, good, unique
from tests.functions.events import Context

PASSWORD, OTHER_PASSWORD = "correct horse battery 42", "gooseberry jam and toast 7"
DEVICE, ADDRESS = "a phone of the audit's tests", "203.0.113.7"


class Told:
    """Somebody with an account, an admin, and the id of the request that has to be found in the audit."""

    def __init__(self, shop: dict[str, Any], sql: Any) -> None:
        self.sql = sql
        self.trace = ""
        self.email = f"{unique('told')}@example.org"
        answer = good(self.ask("POST", "/auth/login", dict(shop["users"]["admin"])))
        self.admin, self.admin_id = answer["access_token"], answer["user"]["id"]
        self.session = self.join()
        self.id: str = self.session["user"]["id"]

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Answer:
        """One request; what it does has to be told under `trace`, as done by this device from this address."""
        self.trace = unique("trace")
        return call(method, path, body, token=token, headers={"User-Agent": DEVICE, "X-Request-Id": self.trace})

    def join(self) -> Any:
        return good(self.ask("POST", "/auth/register", {"email": self.email, "password": PASSWORD}), 201)

    def login(self, password: str = PASSWORD, **more: str) -> Answer:
        return self.ask("POST", "/auth/login", {"email": self.email, "password": password, **more})

    def own(self, method: str, path: str, body: Any = None) -> Answer:
        return self.ask(method, path, body, token=self.session["access_token"])

    def change(self, **given: Any) -> Answer:
        return self.ask("PATCH", f"/auth/users/{self.id}", given, token=self.admin)

    def mailed(self, kind: Any) -> str:
        """A token as it would come by mail."""
        from auth import mail_tokens
        from auth.database import database

        user = UUID(self.id)
        return database.transaction(
            lambda transaction: mail_tokens.make(transaction, user_id=user, kind=kind, email=self.email, event_id=user)
        )

    def enrol(self) -> tuple[Authenticator, list[str], Answer]:
        authenticator = Authenticator(good(self.own("POST", "/auth/totp"))["secret"])
        answer = self.own("POST", "/auth/totp/confirm", {"code": authenticator.code()})
        return authenticator, good(answer)["recovery_codes"], answer

    def rows(self) -> list[Any]:
        """What the last request told."""
        return self.sql.execute(  # type: ignore[no-any-return]
            "SELECT action, actor_id, user_id, session_id, address, device, details FROM auth.audit"
            " WHERE trace_id = %s ORDER BY at, id",
            [self.trace],
        ).fetchall()


@pytest.fixture
def told(shop: dict[str, Any], sql: Any) -> Told:
    return Told(shop, sql)


def register(told: Told) -> Answer:
    told.email = f"{unique('told')}@example.org"
    answer = told.ask("POST", "/auth/register", {"email": told.email, "password": PASSWORD})
    told.id = answer.body["user"]["id"]
    return answer


def fail_second_factor(told: Told) -> Answer:
    authenticator, _, _ = told.enrol()
    return told.login(totp_code=authenticator.wrong())


def steal(told: Told) -> Answer:
    used = {"refresh_token": told.session["refresh_token"]}
    good(told.ask("POST", "/auth/refresh", used))
    told.sql.execute(
        "UPDATE auth.refresh_tokens SET rotated_at = now() - interval '11 seconds' FROM auth.sessions s"
        " WHERE session_id = s.id AND s.user_id = %s AND rotated_at IS NOT NULL",
        [told.id],
    )
    return told.ask("POST", "/auth/refresh", used)


def sign_out(told: Told) -> Answer:
    return told.ask("POST", "/auth/logout", {"refresh_token": told.session["refresh_token"]})


def end_session(told: Told) -> Answer:
    (session,) = good(told.own("GET", "/auth/sessions"))["items"]
    return told.own("DELETE", f"/auth/sessions/{session['id']}")


def change_password(told: Told, current: str = PASSWORD) -> Answer:
    return told.own("POST", "/auth/password", {"current_password": current, "new_password": OTHER_PASSWORD})


def reset_password(told: Told) -> Answer:
    body = {"token": told.mailed("reset"), "new_password": OTHER_PASSWORD}
    return told.ask("POST", "/auth/password/reset", body)


def verify_totp(told: Told) -> Answer:
    authenticator, _, _ = told.enrol()
    return told.own("POST", "/auth/totp/verify", {"totp_code": authenticator.code()})


def use_recovery_code(told: Told) -> Answer:
    _, codes, _ = told.enrol()
    return told.login(totp_code=codes[3])


def forget_code(told: Told) -> Answer:
    told.enrol()
    return told.login()


def after_enrolment(method: str, path: str) -> Callable[[Told], Answer]:
    def work(told: Told) -> Answer:
        told.enrol()
        return told.own(method, path)

    return work


def enable(told: Told) -> Answer:
    good(told.change(disabled=True))
    return told.change(disabled=False)


def make_admin(told: Told) -> None:
    from auth.first_admin import handler
    from eatit.observability import trace_id

    handler({"email": told.email}, Context())
    told.trace = trace_id()
    told.sql.execute("UPDATE auth.users SET role = 'customer' WHERE id = %s", [told.id])


# How each action comes about: the last request of its flow does it, and answers so.
FLOWS: dict[str, tuple[Callable[[Told], Answer | None], int | None]] = {
    "registered": (register, 201),
    "signed_in": (lambda told: told.login(), 200),
    "sign_in_failed": (lambda told: told.login("not it, surely"), 401),
    "second_factor_missing": (forget_code, 401),
    "second_factor_failed": (fail_second_factor, 401),
    "refresh_token_reused": (steal, 401),
    "signed_out": (sign_out, 204),
    "session_ended": (end_session, 204),
    "sessions_ended": (lambda told: told.own("DELETE", "/auth/sessions"), 204),
    "password_changed": (change_password, 204),
    "password_change_failed": (lambda told: change_password(told, "not it, surely"), 401),
    "password_reset_requested": (
        lambda told: told.ask("POST", "/auth/password/forgot", {"email": told.email}),
        202,
    ),
    "password_reset": (reset_password, 204),
    "email_verified": (lambda told: told.ask("POST", "/auth/email/verify", {"token": told.mailed("verify")}), 204),
    "totp_enabled": (lambda told: told.enrol()[2], 200),
    "totp_disabled": (after_enrolment("DELETE", "/auth/totp"), 204),
    "totp_verified": (verify_totp, 204),
    "recovery_code_used": (use_recovery_code, 200),
    "recovery_codes_renewed": (after_enrolment("POST", "/auth/totp/recovery-codes"), 200),
    "role_changed": (lambda told: told.change(role="staff"), 200),
    "user_disabled": (lambda told: told.change(disabled=True), 200),
    "user_enabled": (enable, 200),
    "admin_made": (make_admin, None),
}
BY_ADMINS = {"role_changed", "user_disabled", "user_enabled"}
BY_NOBODY_KNOWN = {"sign_in_failed", "second_factor_missing", "second_factor_failed", "admin_made"}
DETAILS = {"role_changed": {"from": "customer", "to": "staff"}, "admin_made": {"from": "customer"}}


def test_every_action_has_a_flow() -> None:
    assert set(FLOWS) == set(ACTIONS)


def test_nothing_else_can_be_told() -> None:
    from auth.audit import row_of
    from auth.clients import Client

    with pytest.raises(ValueError, match="knows no robbed"):
        row_of("robbed", Client(None, None), None, None, None, {})


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_is_told_by_whoever_does_it(action: str, told: Told) -> None:
    flow, status = FLOWS[action]
    answer = flow(told)
    assert (answer.status if answer else None) == status, answer
    rows = {row[0]: row for row in told.rows()}
    assert len(rows) == len(told.rows())
    assert action in rows
    _, actor, user, _, address, device, details = rows[action]
    assert user == UUID(told.id)
    assert actor == (None if action in BY_NOBODY_KNOWN else UUID(told.admin_id if action in BY_ADMINS else told.id))
    assert (address, device) == ((None, "AdminFunction") if action == "admin_made" else (ADDRESS, DEVICE))
    assert details == details | DETAILS.get(action, {})
    said = str(told.rows())
    tokens = [value for name, value in told.session.items() if name.endswith("_token")]
    for secret in (PASSWORD, OTHER_PASSWORD, told.email, *tokens):
        assert str(secret) not in said


def test_a_strangers_address_isnt_told(told: Told) -> None:
    told.email = f"{unique('nobody')}@example.org"
    for answer in (told.login(), told.ask("POST", "/auth/password/forgot", {"email": told.email})):
        assert answer.status in (401, 202)
        (row,) = told.rows()
        assert row[1:3] == (None, None)
        assert told.email not in str(row)


def test_what_is_refused_or_changes_nothing_tells_nothing(told: Told) -> None:
    assert told.change(role="customer", disabled=False, totp_enabled=False).status == 200
    assert told.rows() == []
    assert told.own("PATCH", f"/auth/users/{told.id}", {"role": "admin"}).status == 403
    assert told.rows() == []


# Read


def listed(token: str, query: str) -> Any:
    return good(call("GET", f"/auth/audit?{query}", token=token))


@pytest.fixture
def history(told: Told) -> list[str]:
    """What was done to somebody, the newest first."""
    change_password(told, "not it, surely")
    told.change(role="staff")
    told.change(disabled=True)
    told.change(disabled=False)
    return ["user_enabled", "user_disabled", "role_changed", "password_change_failed", "registered"]


def test_it_is_read_the_newest_first_and_page_by_page(told: Told, history: list[str]) -> None:
    whose = f"user={told.id}"
    whole = listed(told.admin, whose)
    assert [entry["action"] for entry in whole["items"]] == history
    assert whole["items"][1] == {
        "id": whole["items"][1]["id"],
        "at": whole["items"][1]["at"],
        "action": "user_disabled",
        "actor_id": told.admin_id,
        "user_id": told.id,
        "session_id": None,
        "address": ADDRESS,
        "device": DEVICE,
        "trace_id": whole["items"][1]["trace_id"],
        "details": {},
    }
    seen: list[Any] = []
    cursor = ""
    while cursor is not None:
        page = listed(told.admin, f"{whose}&limit=2{cursor}")
        seen += page["items"]
        if len(seen) == 2:
            told.change(role="customer")  # what comes meanwhile is newer, and shifts nothing
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert seen == whole["items"]
    first = listed(told.admin, f"{whose}&limit=1")["next_cursor"]
    for other in ("", f"{whose}&action=registered&", f"user={told.admin_id}&", f"{whose}&since=2020-01-01T00:00:00Z&"):
        answer = call("GET", f"/auth/audit?{other}cursor={first}", token=told.admin)
        assert (answer.status, answer.body["code"]) == (422, "invalid_cursor")


def test_it_is_narrowed_by_action_and_time(told: Told, history: list[str]) -> None:
    whose = f"user={told.id}"
    assert [e["action"] for e in listed(told.admin, f"{whose}&action=role_changed")["items"]] == ["role_changed"]
    moments = [
        quote(row[0].isoformat())
        for row in told.sql.execute(
            "SELECT at FROM auth.audit WHERE user_id = %s ORDER BY at DESC, id DESC", [told.id]
        ).fetchall()
    ]
    since, until = moments[3], moments[1]
    found = listed(told.admin, f"{whose}&since={since}&until={until}")["items"]
    assert [entry["action"] for entry in found] == history[2:4], "since is in it, until isn't"
    page = listed(told.admin, f"{whose}&since={since}&until={until}&limit=1")
    rest = listed(told.admin, f"{whose}&since={since}&until={until}&limit=1&cursor={page['next_cursor']}")
    assert rest["items"] == found[1:]
    assert listed(told.admin, f"{whose}&until={moments[-1]}")["items"] == []
    assert listed(told.admin, f"{whose}&since=2999-01-01T00:00:00%2B03:00")["items"] == []
    for query in ("action=stolen", "user=anna", "since=yesterday", "since=2026-11-22", "until=1700000000", "limit=101"):
        answer = call("GET", f"/auth/audit?{query}", token=told.admin)
        assert (answer.status, answer.body["code"]) == (422, "invalid_parameter"), query


# Only grows

CHANGES = (
    "UPDATE auth.audit SET action = 'registered' WHERE id = (SELECT id FROM auth.audit LIMIT 1)",
    "DELETE FROM auth.audit WHERE id = (SELECT id FROM auth.audit LIMIT 1)",
    "TRUNCATE auth.audit",
    "INSERT INTO auth.audit (id, action, trace_id) SELECT id, 'registered', '' FROM auth.audit LIMIT 1"
    " ON CONFLICT (id) DO UPDATE SET action = 'registered'",
)


@pytest.fixture
def as_auth(shop: dict[str, Any]) -> Iterator["psycopg.Connection[Any]"]:
    """A connection with the group's own login."""
    parts = urlsplit(shop["environment"]["DATABASE_URL"])
    login = get_secret(shop["environment"]["AWS_ENDPOINT_URL"], f"{shop['secrets_prefix']}/database/auth")
    with psycopg.connect(
        host=parts.hostname,
        port=parts.port,
        dbname=parts.path.lstrip("/"),
        user=login["username"],
        password=login["password"],
        autocommit=True,
    ) as connection:
        yield connection


@pytest.mark.parametrize("change", CHANGES)
def test_nobody_changes_what_stands_there(
    change: str, as_auth: "psycopg.Connection[Any]", sql: "psycopg.Connection[Any]", told: Told
) -> None:
    before = sql.execute("SELECT count(*), max(id::text), md5(string_agg(a::text, '' ORDER BY id)) FROM auth.audit a")
    stood = before.fetchone()
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for table audit"):
        as_auth.execute(change)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"auth\.audit only grows"):
        sql.execute(change)
    after = sql.execute("SELECT count(*), max(id::text), md5(string_agg(a::text, '' ORDER BY id)) FROM auth.audit a")
    assert after.fetchone() == stood


def test_the_groups_login_cant_take_the_guard_away(as_auth: "psycopg.Connection[Any]") -> None:
    for statement in (
        "ALTER TABLE auth.audit DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_only_grows ON auth.audit",
        "CREATE OR REPLACE FUNCTION auth.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = replica",
        "DROP TABLE auth.audit",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_auth.execute(statement)
