"""Roles as admins give and take them: what that ends at once, and that the last admin stays."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.functions.calls import call, good
from tests.functions.members import change, listed, path_of, told
from tests.functions.owners import refused


@pytest.fixture
def lonely(sql: Any, member: Callable[..., Any], admin: str) -> Iterator[Callable[[int], list[Any]]]:
    """`lonely(2)` makes that many admins, and for the test's time there are no others."""
    away: list[UUID] = []

    def made(count: int) -> list[Any]:
        found = [member("admin") for _ in range(count)]
        rows = sql.execute(
            "UPDATE auth.users SET role = 'staff' WHERE role = 'admin' AND NOT id = ANY(%s) RETURNING id",
            [[UUID(each["user"]["id"]) for each in found]],
        ).fetchall()
        away.extend(row[0] for row in rows)
        return found

    yield made
    sql.execute("UPDATE auth.users SET role = 'admin' WHERE id = ANY(%s)", [away])


def test_a_role_is_given_and_told(admin: str, member: Callable[..., Any], sql: Any) -> None:
    somebody = member()
    before = somebody["user"]["version"]
    assert change(somebody, admin, role="staff")["version"] == before + 1
    assert change(somebody, admin, role="staff")["version"] == before + 1, "nothing changed"
    assert change(somebody, admin)["version"] == before + 1
    me = good(call("GET", "/auth/me", token=admin))["id"]
    assert told(sql, somebody) == [("role_changed", UUID(me), {"from": "customer", "to": "staff"})]
    # The token of the old role is over; the session isn't, and its next token has the new one.
    refused(call("GET", "/store/units", token=somebody["access_token"]), 401, "invalid_token")
    again = good(call("POST", "/auth/refresh", {"refresh_token": somebody["refresh_token"]}))
    assert again["user"]["role"] == "staff"
    # Staff may write, so what is wrong is the body.
    assert call("POST", "/store/units", {}, token=again["access_token"]).status == 422
    change(somebody, admin, role="customer")
    refused(call("POST", "/store/units", {}, token=again["access_token"]), 401, "invalid_token")
    refused(call("GET", "/auth/me", token=again["access_token"]), 401, "invalid_token")


def test_auth_itself_needs_no_redis_to_know_a_demoted_admin(admin: str, member: Callable[..., Any], wired: Any) -> None:
    former = member("admin")
    assert listed(former["access_token"], "limit=1")["items"]
    wired("REDIS_URL").cut()
    change(former, admin, role="staff")
    refused(call("GET", "/auth/users", token=former["access_token"]), 401, "invalid_token")


def test_the_same_change_again_sets_the_marks_again(
    admin: str, member: Callable[..., Any], marks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = member("staff")
    user, token = somebody["user"]["id"], somebody["access_token"]
    with monkeypatch.context() as crash:
        crash.setattr("auth.users.spread_marks", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        assert call("PATCH", path_of(somebody), {"role": "customer"}, token=admin).status == 500
    assert call("POST", "/store/units", {}, token=token).status == 422, "until its end, or until it is said again"
    assert marks.get(f"revoked:user:{user}") == "staff"
    version = good(call("GET", path_of(somebody), token=admin))["version"]
    assert change(somebody, admin, role="customer")["version"] == version
    assert marks.get(f"revoked:user:{user}") == "customer"
    assert 900 < marks.ttl(f"revoked:user:{user}") <= 960
    refused(call("POST", "/store/units", {}, token=token), 401, "invalid_token")


def test_marks_of_two_changes_at_once_end_as_the_later_change(
    admin: str, member: Callable[..., Any], sql: Any, marks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eatit.revocation import mark_user

    somebody = member()
    user = UUID(somebody["user"]["id"])

    def overtaken(user_id: UUID, role: str | None) -> None:
        if role == "staff":
            # Somebody else demotes, and marks it, between our commit and our mark.
            sql.execute("UPDATE auth.users SET role = 'customer' WHERE id = %s", [user])
            mark_user(user, "customer")
        mark_user(user_id, role)

    monkeypatch.setattr("auth.users.mark_user", overtaken)
    change(somebody, admin, role="staff")
    assert marks.get(f"revoked:user:{user}") == "customer"


def test_the_last_admin_stays(lonely: Callable[[int], list[Any]], sql: Any) -> None:
    first, second = lonely(2)
    token = first["access_token"]
    change(second, token, disabled=True)
    version = good(call("GET", path_of(first), token=token))["version"]
    for body in ({"role": "staff"}, {"disabled": True}, {"role": "customer", "disabled": True}):
        refused(call("PATCH", path_of(first), body, token=token), 409, "last_admin")
    assert change(first, token, role="admin", disabled=False)["version"] == version
    change(second, token, disabled=False)
    assert change(first, token, role="staff")["role"] == "staff"
    sql.execute("UPDATE auth.users SET role = 'customer' WHERE id = %s", [second["user"]["id"]])


def test_two_admins_who_demote_each_other_leave_one(lonely: Callable[[int], list[Any]], sql: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    from auth.clients import Client
    from auth.users import change_user
    from eatit.database import Database
    from eatit.errors import Conflict
    from eatit.security import Caller, Role

    pair = [UUID(each["user"]["id"]) for each in lonely(2)]
    databases = [Database("auth"), Database("auth")]
    together = Barrier(2)

    def demote(place: int, given: dict[str, Any]) -> str:
        def work(transaction: Any) -> Any:
            actor = Caller(pair[place], Role.admin, UUID(int=0))
            return change_user(
                transaction, pair[1 - place], given, actor=actor, client=Client(None, None), expected=None
            )

        together.wait(10)
        try:
            databases[place].transaction(work)
        except Conflict as error:
            return error.code
        return "done"

    try:
        with ThreadPoolExecutor(2) as pool:
            for turn in range(20):
                given = {"role": "staff"} if turn % 2 else {"disabled": True}
                outcomes = [each.result() for each in [pool.submit(demote, place, given) for place in (0, 1)]]
                assert sorted(outcomes) == ["done", "last_admin"]
                left = sql.execute("SELECT count(*) FROM auth.users WHERE role = 'admin' AND NOT disabled").fetchone()
                assert left == (1,)
                sql.execute("UPDATE auth.users SET role = 'admin', disabled = false WHERE id = ANY(%s)", [pair])
    finally:
        for database in databases:
            database.close()
        sql.execute("UPDATE auth.users SET role = 'customer' WHERE id = ANY(%s)", [pair])


def test_who_was_demoted_meanwhile_changes_nobody(lonely: Callable[[int], list[Any]], sql: Any) -> None:
    from auth.clients import Client
    from auth.database import database
    from auth.users import change_user
    from eatit.errors import Unauthenticated
    from eatit.security import Caller, Role

    former, other, third = (UUID(each["user"]["id"]) for each in lonely(3))
    sql.execute("UPDATE auth.users SET role = 'staff' WHERE id = %s", [former])
    actor = Caller(former, Role.admin, UUID(int=0))
    with pytest.raises(Unauthenticated):
        database.transaction(
            lambda transaction: change_user(
                transaction, other, {"role": "staff"}, actor=actor, client=Client(None, None), expected=None
            )
        )
    sql.execute("UPDATE auth.users SET role = 'customer' WHERE id = ANY(%s)", [[former, other, third]])


def test_marks_outlive_every_access_token() -> None:
    from auth.keys import ACCESS_SECONDS
    from eatit.revocation import MARKED_SECONDS

    assert timedelta(seconds=MARKED_SECONDS) > timedelta(seconds=ACCESS_SECONDS + 5)
