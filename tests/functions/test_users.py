"""Users as admins see and change them: lists, disabling, lost second factors, and what that ends elsewhere."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.functions.calls import call, good, unique
from tests.functions.members import PASSWORD, change, listed, path_of, told
from tests.functions.owners import refused

NOBODY = "/auth/users/019aa7c0-0000-7000-8000-000000000001"


def test_users_are_listed_the_newest_first_and_page_by_page(admin: str, member: Callable[..., Any]) -> None:
    word = unique("word")
    made = [member(display_name=f"Ёлка {word} {number}")["user"]["id"] for number in range(5)]
    assert [user["id"] for user in listed(admin, f"q={word}")["items"]] == made[::-1]
    seen: list[str] = []
    cursor = ""
    while True:
        page = listed(admin, f"q={word}&limit=2{cursor}")
        seen += [user["id"] for user in page["items"]]
        if not seen[2:]:
            member(display_name=f"{word} comes late")
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


def test_users_are_found_by_a_part_of_address_or_name_in_any_case(admin: str, member: Callable[..., Any]) -> None:
    word = unique("ЖЁЛУДЬ_100%")
    anna = member(display_name=f"Анна {word}")
    address = anna["user"]["email"].partition("@")[0]
    for part in (address.upper(), word.lower(), f"нна {word}"):
        assert [user["id"] for user in listed(admin, f"q={part}".replace("%", "%25"))["items"]] == [anna["user"]["id"]]
    assert listed(admin, f"q={word[:-6]}_{word[-5:]}".replace("%", "%25"))["items"] == [], "no pattern"


def test_roles_and_disabled_narrow_a_list(admin: str, member: Callable[..., Any]) -> None:
    word = unique("word")
    people = {role: member(role, display_name=word) for role in ("customer", "staff", "admin")}
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


def test_one_user_has_an_etag(admin: str, member: Callable[..., Any]) -> None:
    somebody = member()
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


# Disabled


def test_a_disabled_account_is_out_everywhere_at_once(admin: str, member: Callable[..., Any], sql: Any) -> None:
    from auth import mail_tokens
    from auth.database import database

    somebody = member()
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
    admin: str, member: Callable[..., Any], marks: Any
) -> None:
    somebody = member()
    change(somebody, admin, disabled=True)
    marks.delete(*marks.scan_iter("revoked:*"))
    change(somebody, admin, disabled=False)
    refused(call("GET", "/basket", token=somebody["access_token"]), 401, "invalid_token")


def test_without_redis_an_account_is_disabled_all_the_same(admin: str, member: Callable[..., Any], wired: Any) -> None:
    somebody = member()
    wired("REDIS_URL").cut()
    assert change(somebody, admin, disabled=True)["disabled"]
    refused(call("POST", "/auth/refresh", {"refresh_token": somebody["refresh_token"]}), 401, "invalid_refresh_token")


# A lost second factor


def test_an_admin_takes_a_lost_second_factor_away(admin: str, member: Callable[..., Any], sql: Any) -> None:
    somebody = member()
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
