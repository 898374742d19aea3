"""Users as admins see and change them: lists, roles, disabling, lost second factors, and what that ends elsewhere."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import redis

from tests.functions.calls import call, good, unique

PASSWORD = "correct horse battery 42"
NOBODY = "/auth/users/019aa7c0-0000-7000-8000-000000000001"


@pytest.fixture
def person() -> Callable[..., Any]:
    """`person(role=..., display_name=...)` registers somebody nobody has met and gives their session."""

    def registered(role: str | None = None, **given: Any) -> Any:
        body = {"email": f"{unique('person')}@example.org", "password": PASSWORD, **given}
        session = good(call("POST", "/auth/register", body), 201)
        if role is None:
            return session
        admin = good(call("POST", "/auth/login", _admin[0]))["access_token"]
        good(call("PATCH", f"/auth/users/{session['user']['id']}", {"role": role}, token=admin))
        return good(call("POST", "/auth/refresh", {"refresh_token": session["refresh_token"]}))

    return registered


_admin: list[dict[str, str]] = []


@pytest.fixture(scope="module")
def admin(shop: dict[str, Any]) -> str:
    """An admin's access token."""
    _admin[:] = [dict(shop["users"]["admin"])]
    return str(good(call("POST", "/auth/login", _admin[0]))["access_token"])


@pytest.fixture
def marks(shop: dict[str, Any]) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(shop["redis_url"], decode_responses=True) as client:
        yield client


@pytest.fixture
def lonely(sql: Any, person: Callable[..., Any], admin: str) -> Iterator[Callable[[int], list[Any]]]:
    """`lonely(2)` makes that many admins, and for the test's time there are no others."""
    away: list[UUID] = []

    def made(count: int) -> list[Any]:
        found = [person("admin") for _ in range(count)]
        rows = sql.execute(
            "UPDATE auth.users SET role = 'staff' WHERE role = 'admin' AND NOT id = ANY(%s) RETURNING id",
            [[UUID(each["user"]["id"]) for each in found]],
        ).fetchall()
        away.extend(row[0] for row in rows)
        return found

    yield made
    sql.execute("UPDATE auth.users SET role = 'admin' WHERE id = ANY(%s)", [away])


def path_of(session: Any) -> str:
    return f"/auth/users/{session['user']['id']}"


def change(session: Any, token: str, **given: Any) -> Any:
    return good(call("PATCH", path_of(session), given, token=token))


def refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status, answer.body["code"]) == (status, code), answer


def told(sql: Any, session: Any) -> list[tuple[str, Any, Any]]:
    """What the audit says was done to a user by somebody else."""
    return sql.execute(  # type: ignore[no-any-return]
        "SELECT action, actor_id, details FROM auth.audit WHERE user_id = %s AND actor_id <> user_id ORDER BY at, id",
        [session["user"]["id"]],
    ).fetchall()


# Found


def listed(token: str, query: str = "") -> Any:
    return good(call("GET", f"/auth/users?{query}", token=token))


def test_users_are_listed_the_newest_first_and_page_by_page(admin: str, person: Callable[..., Any]) -> None:
    word = unique("word")
    made = [person(display_name=f"Ёлка {word} {number}")["user"]["id"] for number in range(5)]
    assert [user["id"] for user in listed(admin, f"q={word}")["items"]] == made[::-1]
    seen: list[str] = []
    cursor = ""
    while True:
        page = listed(admin, f"q={word}&limit=2{cursor}")
        seen += [user["id"] for user in page["items"]]
        if not seen[2:]:
            person(display_name=f"{word} comes late")
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == made[::-1]
    first = listed(admin, f"q={word}&limit=1")["next_cursor"]
    for other in (f"q={word}x", f"q={word}&role=customer", f"q={word}&disabled=false", ""):
        refused(call("GET", f"/auth/users?{other}&cursor={first}", token=admin), 422, "invalid_cursor")


def test_no_cache_keeps_a_list_of_people(admin: str, customer: Any) -> None:
    for path in ("/auth/users?limit=1", "/auth/audit?limit=1", "/auth/sessions?limit=1"):
        answer = call("GET", path, token=admin)
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-store"), path
    # What has an ETag is asked for again by it: kept by the caller, and never used unasked.
    for path in (f"/auth/users/{customer['user']['id']}", "/auth/me"):
        answer = call("GET", path, token=admin)
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache"), path
        assert answer.headers["etag"]


def test_users_are_found_by_a_part_of_address_or_name_in_any_case(admin: str, person: Callable[..., Any]) -> None:
    word = unique("ЖЁЛУДЬ_100%")
    anna = person(display_name=f"Анна {word}")
    address = anna["user"]["email"].partition("@")[0]
    for part in (address.upper(), word.lower(), f"нна {word}"):
        assert [user["id"] for user in listed(admin, f"q={part}".replace("%", "%25"))["items"]] == [anna["user"]["id"]]
    assert listed(admin, f"q={word[:-6]}_{word[-5:]}".replace("%", "%25"))["items"] == [], "no pattern"


def test_roles_and_disabled_narrow_a_list(admin: str, person: Callable[..., Any]) -> None:
    word = unique("word")
    people = {role: person(role, display_name=word) for role in ("customer", "staff", "admin")}
    change(people["customer"], admin, disabled=True)
    for role, session in people.items():
        found = listed(admin, f"q={word}&role={role}")["items"]
        assert [user["id"] for user in found] == [session["user"]["id"]]
    assert {user["role"] for user in listed(admin, f"q={word}&disabled=false")["items"]} == {"staff", "admin"}
    gone = listed(admin, f"q={word}&disabled=true")["items"]
    assert [(user["role"], user["disabled"], user["totp_enabled"]) for user in gone] == [("customer", True, False)]
    assert gone[0]["last_seen_at"] >= gone[0]["created_at"]
    change(people["admin"], admin, role="customer")
    for query in ("role=owner", "disabled=perhaps", "limit=0", "q=%00"):
        refused(call("GET", f"/auth/users?{query}", token=admin), 422, "invalid_parameter")


def test_one_user_has_an_etag(admin: str, person: Callable[..., Any]) -> None:
    somebody = person()
    answer = call("GET", path_of(somebody), token=admin)
    assert good(answer)["email"] == somebody["user"]["email"]
    assert not {"password_hash", "totp_secret", "totp_pending"} & set(answer.body)
    etag = answer.headers["etag"]
    assert call("GET", path_of(somebody), token=admin, headers={"If-None-Match": etag}).status == 304
    changed = call("PATCH", path_of(somebody), {"role": "staff"}, token=admin, headers={"If-Match": etag})
    assert good(changed)["version"] == answer.body["version"] + 1
    assert changed.headers["etag"] != etag
    stale = call("PATCH", path_of(somebody), {"role": "customer"}, token=admin, headers={"If-Match": etag})
    refused(stale, 412, "version_mismatch")
    change(somebody, admin, role="customer")


def test_who_isnt_there_is_404(admin: str) -> None:
    refused(call("GET", NOBODY, token=admin), 404, "not_found")
    refused(call("PATCH", NOBODY, {"role": "staff"}, token=admin), 404, "not_found")
    refused(call("PATCH", "/auth/users/anna", {"role": "staff"}, token=admin), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"role": "owner"}, ("/role", "not_one_of")),
        ({"role": None}, ("/role", "not_one_of")),
        ({"disabled": 1}, ("/disabled", "wrong_type")),
        ({"disabled": "true"}, ("/disabled", "wrong_type")),
        ({"totp_enabled": True}, ("/totp_enabled", "not_one_of")),
        ({"totp_enabled": 0}, ("/totp_enabled", "wrong_type")),
        ({"email": "other@example.org"}, ("/email", "unknown_field")),
        ({"password_hash": "x"}, ("/password_hash", "unknown_field")),
    ],
)
def test_no_more_than_that_is_changed(admin: str, customer: Any, body: dict[str, Any], fault: tuple[str, str]) -> None:
    answer = call("PATCH", path_of(customer), body, token=admin)
    refused(answer, 422, "invalid_body")
    assert [(each["pointer"], each["code"]) for each in answer.body["errors"]] == [fault]


# Roles


def test_a_role_is_given_and_told(admin: str, person: Callable[..., Any], sql: Any) -> None:
    somebody = person()
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


def test_auth_itself_needs_no_redis_to_know_a_demoted_admin(admin: str, person: Callable[..., Any], wired: Any) -> None:
    former = person("admin")
    assert listed(former["access_token"], "limit=1")["items"]
    wired("REDIS_URL").cut()
    change(former, admin, role="staff")
    refused(call("GET", "/auth/users", token=former["access_token"]), 401, "invalid_token")


def test_the_same_change_again_sets_the_marks_again(
    admin: str, person: Callable[..., Any], marks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = person("staff")
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
    admin: str, person: Callable[..., Any], sql: Any, marks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eatit.revocation import mark_user

    somebody = person()
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


# Disabled


def test_a_disabled_account_is_out_everywhere_at_once(admin: str, person: Callable[..., Any], sql: Any) -> None:
    from auth import mail_tokens
    from auth.database import database

    somebody = person()
    user, token = UUID(somebody["user"]["id"]), somebody["access_token"]
    credentials = {"email": somebody["user"]["email"], "password": PASSWORD}
    second = good(call("POST", "/auth/login", credentials))
    verify = database.transaction(
        lambda transaction: mail_tokens.make(
            transaction, user_id=user, kind="verify", email=credentials["email"], event_id=user
        )
    )
    answer = change(somebody, admin, disabled=True)
    assert answer["disabled"]
    for each in (somebody, second):
        refused(call("POST", "/auth/refresh", {"refresh_token": each["refresh_token"]}), 401, "invalid_refresh_token")
        for path in ("/basket", "/store/units", "/auth/me"):
            refused(call("GET", path, token=each["access_token"]), 401, "invalid_token")
    refused(call("POST", "/auth/login", credentials), 401, "invalid_credentials")
    rows = sql.execute("SELECT revoked_at IS NOT NULL, ended_reason FROM auth.sessions WHERE user_id = %s", [user])
    assert rows.fetchall() == [(True, "disabled")] * 2
    assert change(somebody, admin, disabled=True)["version"] == answer["version"]

    # Enabled again, they sign in anew; nothing that was open before comes to life.
    assert not change(somebody, admin, disabled=False)["disabled"]
    refused(call("GET", "/basket", token=token), 401, "invalid_token")
    refused(call("POST", "/auth/refresh", {"refresh_token": second["refresh_token"]}), 401, "invalid_refresh_token")
    assert call("POST", "/auth/email/verify", {"token": verify}).status == 401
    fresh = good(call("POST", "/auth/login", credentials))
    assert call("GET", "/basket", token=fresh["access_token"]).status == 200
    me = UUID(good(call("GET", "/auth/me", token=admin))["id"])
    assert told(sql, somebody) == [("user_disabled", me, {}), ("user_enabled", me, {})]


def test_enabling_brings_no_token_back_whose_marks_were_lost(
    admin: str, person: Callable[..., Any], marks: Any
) -> None:
    somebody = person()
    change(somebody, admin, disabled=True)
    marks.delete(*marks.scan_iter("revoked:*"))
    change(somebody, admin, disabled=False)
    refused(call("GET", "/basket", token=somebody["access_token"]), 401, "invalid_token")


def test_without_redis_an_account_is_disabled_all_the_same(admin: str, person: Callable[..., Any], wired: Any) -> None:
    somebody = person()
    wired("REDIS_URL").cut()
    assert change(somebody, admin, disabled=True)["disabled"]
    refused(call("POST", "/auth/refresh", {"refresh_token": somebody["refresh_token"]}), 401, "invalid_refresh_token")


# A lost second factor


def test_an_admin_takes_a_lost_second_factor_away(admin: str, person: Callable[..., Any], sql: Any) -> None:
    somebody = person()
    user = somebody["user"]["id"]
    sql.execute(
        "UPDATE auth.users SET totp_secret = 'x', totp_pending = 'y', totp_enabled_at = now(), totp_last_step = 1"
        " WHERE id = %s",
        [user],
    )
    sql.execute("UPDATE auth.sessions SET second_factor_at = now() WHERE user_id = %s", [user])
    sql.execute("INSERT INTO auth.recovery_codes (user_id, digest) VALUES (%s, 'z')", [user])
    assert good(call("GET", path_of(somebody), token=admin))["totp_enabled"]
    before = good(call("GET", path_of(somebody), token=admin))["version"]
    assert change(somebody, admin, disabled=False)["totp_enabled"], "asked for nothing of the kind"
    after = change(somebody, admin, totp_enabled=False)
    assert (after["totp_enabled"], after["version"]) == (False, before + 1)
    assert change(somebody, admin, totp_enabled=False)["version"] == before + 1
    assert sql.execute(
        """SELECT totp_secret, totp_pending, totp_enabled_at, totp_last_step,
            (SELECT count(*) FROM auth.recovery_codes WHERE user_id = u.id),
            (SELECT max(second_factor_at) FROM auth.sessions WHERE user_id = u.id)
        FROM auth.users u WHERE id = %s""",
        [user],
    ).fetchone() == (None, None, None, None, 0, None)
    assert [action for action, _, _ in told(sql, somebody)] == ["totp_disabled"]
    asked = sql.execute("SELECT state FROM events.outbox WHERE aggregate_id = %s ORDER BY id DESC LIMIT 1", [user])
    assert asked.fetchone()[0]["kind"] == "second_factor_changed"


# The last admin


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
