"""Getting in without the password, and showing that an address is one's own: tokens hold once, for one thing."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.functions.calls import call, good, unique
from tests.functions.owners import Owner

OLD, NEW = "correct horse battery 42", "another fine password 43"


def token_for(session: Any, kind: Any) -> str:
    """A token as the mail worker makes one."""
    from auth import mail_tokens
    from auth.database import database

    user = session["user"]
    return database.transaction(
        lambda transaction: mail_tokens.make(
            transaction, user_id=UUID(user["id"]), kind=kind, email=user["email"], event_id=uuid4()
        )
    )


def sign_in(session: Any, password: str) -> int:
    return call("POST", "/auth/login", {"email": session["user"]["email"], "password": password}).status


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status, answer.body["code"]


def requests_for(sql: Any, **where: Any) -> list[Any]:
    """The mails asked for, as (aggregate, state), the latest last."""
    rows = sql.execute(
        "SELECT aggregate_id, state FROM events.outbox WHERE type = 'auth.mail.requested' AND state @> %s::jsonb"
        " ORDER BY id",
        [json.dumps(where)],
    )
    return list(rows.fetchall())


def test_a_reset_sets_the_password_and_ends_all_sessions(customer: Any, sql: Any) -> None:
    token = token_for(customer, "reset")
    good(call("POST", "/auth/password/reset", {"token": token, "new_password": NEW}), 204)
    assert (sign_in(customer, OLD), sign_in(customer, NEW)) == (401, 200)
    refreshed = call("POST", "/auth/refresh", {"refresh_token": customer["refresh_token"]})
    assert code_of(refreshed) == (401, "invalid_refresh_token")
    assert code_of(call("GET", "/basket", token=customer["access_token"])) == (401, "invalid_token")
    row = sql.execute("SELECT email_verified FROM auth.users WHERE id = %s", [customer["user"]["id"]]).fetchone()
    assert row == (True,), "whoever reads the address's mail has the address"
    assert requests_for(sql, user_id=customer["user"]["id"], kind="password_changed")


def test_a_reset_token_holds_once(customer: Any) -> None:
    token = token_for(customer, "reset")
    body = {"token": token, "new_password": NEW}
    good(call("POST", "/auth/password/reset", body), 204)
    assert code_of(call("POST", "/auth/password/reset", body)) == (401, "invalid_reset_token")


def test_a_weak_password_doesnt_use_the_token_up(customer: Any) -> None:
    token = token_for(customer, "reset")
    for weak in ("short", "password123", customer["user"]["email"]):
        answer = call("POST", "/auth/password/reset", {"token": token, "new_password": weak})
        assert code_of(answer) == (422, "weak_password")
        assert [fault["pointer"] for fault in answer.body["errors"]] == ["/new_password"]
    assert sign_in(customer, OLD) == 200
    good(call("POST", "/auth/password/reset", {"token": token, "new_password": NEW}), 204)


@pytest.mark.parametrize("change", ["password", "reset"])
def test_another_change_voids_the_open_reset_tokens(customer: Any, change: str) -> None:
    stale = token_for(customer, "reset")
    if change == "password":
        body = {"current_password": OLD, "new_password": NEW}
        good(call("POST", "/auth/password", body, token=customer["access_token"]), 204)
    else:
        good(call("POST", "/auth/password/reset", {"token": token_for(customer, "reset"), "new_password": NEW}), 204)
    answer = call("POST", "/auth/password/reset", {"token": stale, "new_password": "a third password 44"})
    assert code_of(answer) == (401, "invalid_reset_token")
    assert sign_in(customer, NEW) == 200


def test_a_token_serves_for_nothing_else(customer: Any) -> None:
    verify, reset = token_for(customer, "verify"), token_for(customer, "reset")
    answer = call("POST", "/auth/password/reset", {"token": verify, "new_password": NEW})
    assert code_of(answer) == (401, "invalid_reset_token")
    assert code_of(call("POST", "/auth/email/verify", {"token": reset})) == (401, "invalid_verification_token")
    for nothing in ("", "x", "я" * 100, customer["refresh_token"]):
        assert code_of(call("POST", "/auth/email/verify", {"token": nothing})) == (401, "invalid_verification_token")


def test_an_expired_token_is_over(customer: Any, sql: Any) -> None:
    token = token_for(customer, "reset")
    sql.execute(
        "UPDATE auth.mail_tokens SET expires_at = now() - interval '1 second' WHERE user_id = %s",
        [customer["user"]["id"]],
    )
    answer = call("POST", "/auth/password/reset", {"token": token, "new_password": NEW})
    assert code_of(answer) == (401, "invalid_reset_token")


def test_an_address_is_verified_once_and_for_all(customer: Any, sql: Any) -> None:
    me = good(call("GET", "/auth/me", token=customer["access_token"]))
    assert me["email_verified"] is False
    token = token_for(customer, "verify")
    good(call("POST", "/auth/email/verify", {"token": token}), 204)
    after = good(call("GET", "/auth/me", token=customer["access_token"]))
    assert (after["email_verified"], after["version"]) == (True, me["version"] + 1)
    assert code_of(call("POST", "/auth/email/verify", {"token": token})) == (401, "invalid_verification_token")
    # Nothing to verify any more: no further mail is asked for.
    before = len(requests_for(sql, user_id=customer["user"]["id"], kind="verify"))
    good(call("POST", "/auth/email/verification", token=customer["access_token"]), 202)
    assert len(requests_for(sql, user_id=customer["user"]["id"], kind="verify")) == before


def test_registering_asks_for_the_first_mail_and_more_may_be_asked_for(customer: Any, sql: Any) -> None:
    assert len(requests_for(sql, user_id=customer["user"]["id"], kind="verify")) == 1
    good(call("POST", "/auth/email/verification", token=customer["access_token"]), 202)
    assert len(requests_for(sql, user_id=customer["user"]["id"], kind="verify")) == 2


def test_who_registers_a_taken_address_tells_its_holder(customer: Any, sql: Any) -> None:
    body = {"email": customer["user"]["email"].upper(), "password": NEW}
    assert code_of(call("POST", "/auth/register", body)) == (409, "email_taken")
    assert len(requests_for(sql, user_id=customer["user"]["id"], kind="already_registered")) == 1
    assert sign_in(customer, NEW) == 401


def test_forgot_writes_the_same_for_anybody(customer: Any, sql: Any) -> None:
    def rows() -> tuple[int, int]:
        counted = sql.execute(
            "SELECT (SELECT count(*) FROM events.outbox WHERE type = 'auth.mail.requested'),"
            " (SELECT count(*) FROM auth.audit WHERE action = 'password_reset_requested')"
        ).fetchone()
        return counted[0], counted[1]

    answers = []
    for email in (
        customer["user"]["email"],
        customer["user"]["email"].upper(),
        f"{unique()}@example.org",
        "no address",
    ):
        before = rows()
        answer = call("POST", "/auth/password/forgot", {"email": email})
        after = rows()
        answers.append((answer.status, answer.content, sorted(answer.headers)))
        assert (after[0] - before[0], after[1] - before[1]) == (1, 1), email
    assert answers[0][0] == 202
    assert len({repr(answer) for answer in answers}) == 1
    mails = requests_for(sql, user_id=customer["user"]["id"], kind="reset")
    assert [str(aggregate) for aggregate, _ in mails] == [customer["user"]["id"]] * 2
    assert all(set(state) == {"user_id", "kind"} for _, state in mails), "nothing secret travels"


def test_a_disabled_user_gets_in_by_no_token(customer: Any, sql: Any) -> None:
    reset, verify = token_for(customer, "reset"), token_for(customer, "verify")
    sql.execute("UPDATE auth.users SET disabled = true WHERE id = %s", [customer["user"]["id"]])
    answer = call("POST", "/auth/password/reset", {"token": reset, "new_password": NEW})
    assert code_of(answer) == (401, "invalid_reset_token")
    assert code_of(call("POST", "/auth/email/verify", {"token": verify})) == (401, "invalid_verification_token")


def test_of_changes_at_once_one_is_made(customer: Any, shop: Any) -> None:
    """Each in an environment of its own, as on Lambda: handlers of one process can't serve two at once."""
    from auth import accounts
    from eatit.database import Database
    from eatit.errors import Unauthenticated

    def change(place: int) -> bool:
        database = Database("auth")
        try:
            work = accounts.change_password(database, UUID(customer["user"]["id"]), OLD, f"{NEW} {place}")
            database.transaction(work)
        except Unauthenticated:
            return False
        finally:
            database.close()
        return True

    with ThreadPoolExecutor(5) as pool:
        made = list(pool.map(change, range(5)))
    assert sum(made) == 1
    assert sign_in(customer, f"{NEW} {made.index(True)}") == 200


def test_a_hash_of_older_parameters_is_made_anew_when_its_owner_signs_in(customer: Any, sql: Any) -> None:
    from argon2 import PasswordHasher

    def kept() -> str:
        row = sql.execute("SELECT password_hash FROM auth.users WHERE id = %s", [customer["user"]["id"]]).fetchone()
        return str(row[0])

    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(OLD)
    sql.execute("UPDATE auth.users SET password_hash = %s WHERE id = %s", [old, customer["user"]["id"]])
    assert sign_in(customer, NEW) == 401
    assert kept() == old, "a wrong password changes nothing"
    assert sign_in(customer, OLD) == 200
    fresh = kept()
    assert fresh.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (sign_in(customer, OLD), kept()) == (200, fresh)


def test_whoever_proves_the_address_is_kept_out_by_no_strangers_factor(code_clock: Any, sql: Any) -> None:
    """A stranger registers it and enrols a factor; its owner resets the password by mail, and is in."""
    squatter = Owner(code_clock, sql).enrol()
    token = token_for({"user": {"id": squatter.id, "email": squatter.email}}, "reset")
    good(call("POST", "/auth/password/reset", {"token": token, "new_password": NEW}), 204)
    owner = good(squatter.login(password=NEW))
    assert (owner["user"]["totp_enabled"], owner["user"]["email_verified"]) == (False, True)


@pytest.mark.parametrize(("role", "verified"), [("customer", True), ("staff", False)])
def test_no_reset_gets_past_a_factor_otherwise(code_clock: Any, sql: Any, role: str, verified: bool) -> None:
    owner = Owner(code_clock, sql, role).enrol()
    sql.execute("UPDATE auth.users SET email_verified = %s WHERE id = %s", [verified, owner.id])
    token = token_for({"user": {"id": owner.id, "email": owner.email}}, "reset")
    good(call("POST", "/auth/password/reset", {"token": token, "new_password": NEW}), 204)
    assert code_of(owner.login(password=NEW)) == (401, "totp_required")
    assert owner.login(owner.code(), password=NEW).status == 200


def test_the_token_of_a_late_confirmation_ends_with_its_session(code_clock: Any, sql: Any) -> None:
    """It is younger than the session's last sign of life was: whoever ends the session must know of it all the same."""
    owner = Owner(code_clock, sql)
    authenticator = owner.begin()
    sql.execute(
        "UPDATE auth.sessions SET last_seen_at = now() - interval '15 minutes',"
        " authenticated_at = now() - interval '15 minutes' WHERE user_id = %s",
        [owner.id],
    )
    token = good(owner.confirm(authenticator.code()))["access_token"]
    sql.execute(
        "UPDATE auth.sessions SET last_seen_at = last_seen_at - interval '2 minutes' WHERE user_id = %s", [owner.id]
    )
    good(call("GET", "/basket", token=token))
    reset = token_for({"user": {"id": owner.id, "email": owner.email}}, "reset")
    good(call("POST", "/auth/password/reset", {"token": reset, "new_password": NEW}), 204)
    assert code_of(call("GET", "/basket", token=token)) == (401, "invalid_token")
