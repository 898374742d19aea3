"""Where one is signed in: listed, ended one by one, all at once, by signing out; access tokens follow soon."""

from typing import Any

from tests.gateway.conftest import PASSWORD
from tests.gateway.shop import Api, eventually, good, problem

NOBODYS = "019aa7c0-0000-7000-8000-000000000001"
SECONDS = 5.0
"""Within these an access token that was ended early is refused (two for the looks at the marks)."""


def sign_in(api: Api, session: Any, device: str) -> Any:
    body = {"email": session["user"]["email"], "password": PASSWORD}
    return good(api.post("/auth/login", body, headers={"User-Agent": device}))


def listed(api: Api, token: str, **parameters: Any) -> Any:
    return good(api.get("/auth/sessions", token=token, params=parameters))


def ended_everywhere(api: Api, token: str) -> None:
    """Its access token is refused by all three groups, soon."""
    for path in ("/auth/me", "/store/units", "/basket"):
        eventually(lambda path=path: problem(api.get(path, token=token), 401, "invalid_token"), seconds=SECONDS)  # type: ignore[misc]


def test_sessions_are_listed_with_device_and_address_the_newest_first(api: Api, session: Any) -> None:
    phone = sign_in(api, session, "Phone/1.0 (kitchen)")
    items = listed(api, phone["access_token"])["items"]
    assert items[0]["device"] == "Phone/1.0 (kitchen)"
    assert [item["current"] for item in items] == [True, False]
    for item in items:
        assert item["address"] == "127.0.0.1"
        assert item["second_factor"] is False
        assert item["created_at"] <= item["last_seen_at"]
    assert not [name for item in items for name in item if "token" in name or "digest" in name]


def test_pages_of_sessions_hold_each_once(api: Api, session: Any) -> None:
    for place in range(4):
        sign_in(api, session, f"device {place}")
    token, found, cursor = session["access_token"], [], None
    while True:
        page = listed(api, token, limit=2, **({"cursor": cursor} if cursor else {}))
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(found) == len(set(found)) == 5
    assert found == sorted(found, reverse=True)
    problem(api.get("/auth/sessions", token=token, params={"cursor": "x"}), 422, "invalid_cursor")


def test_a_cursor_isnt_another_users(api: Api, session: Any, register: Any) -> None:
    sign_in(api, session, "second")
    cursor = listed(api, session["access_token"], limit=1)["next_cursor"]
    other = register()["access_token"]
    problem(api.get("/auth/sessions", token=other, params={"cursor": cursor}), 422, "invalid_cursor")


def test_an_ended_session_is_over_for_all_groups(api: Api, session: Any) -> None:
    phone = sign_in(api, session, "phone")
    good(api.get("/basket", token=phone["access_token"]))
    gone = next(item["id"] for item in listed(api, phone["access_token"])["items"] if item["current"])
    good(api.delete(f"/auth/sessions/{gone}", token=session["access_token"]), 204)
    problem(api.post("/auth/refresh", {"refresh_token": phone["refresh_token"]}), 401, "invalid_refresh_token")
    ended_everywhere(api, phone["access_token"])
    assert len(listed(api, session["access_token"])["items"]) == 1
    problem(api.delete(f"/auth/sessions/{gone}", token=session["access_token"]), 404, "not_found")


def test_anothers_session_isnt_there(api: Api, session: Any, register: Any) -> None:
    theirs = listed(api, register()["access_token"])["items"][0]["id"]
    for wrong in (theirs, NOBODYS):
        problem(api.delete(f"/auth/sessions/{wrong}", token=session["access_token"]), 404, "not_found")


def test_signing_out_ends_the_session_and_may_be_said_twice(api: Api, session: Any) -> None:
    token = {"refresh_token": session["refresh_token"]}
    good(api.post("/auth/logout", token), 204)
    problem(api.post("/auth/refresh", token), 401, "invalid_refresh_token")
    ended_everywhere(api, session["access_token"])
    good(api.post("/auth/logout", token), 204)
    for unknown in ("", "x", session["access_token"][:400]):
        good(api.post("/auth/logout", {"refresh_token": unknown}), 204)


def test_a_rotated_token_signs_its_session_out_too(api: Api, session: Any) -> None:
    following = good(api.post("/auth/refresh", {"refresh_token": session["refresh_token"]}))
    good(api.post("/auth/logout", {"refresh_token": session["refresh_token"]}), 204)
    problem(api.post("/auth/refresh", {"refresh_token": following["refresh_token"]}), 401, "invalid_refresh_token")


def test_signing_out_everywhere(api: Api, session: Any, register: Any) -> None:
    bystander = register()
    others = [sign_in(api, session, f"device {place}") for place in range(3)]
    good(api.delete("/auth/sessions", token=others[0]["access_token"]), 204)
    for each in (session, *others):
        problem(api.post("/auth/refresh", {"refresh_token": each["refresh_token"]}), 401, "invalid_refresh_token")
        ended_everywhere(api, each["access_token"])
    good(api.get("/auth/me", token=bystander["access_token"]))
    # A session begun afterwards is none of these.
    fresh = sign_in(api, session, "again")
    for path in ("/auth/me", "/store/units", "/basket"):
        good(api.get(path, token=fresh["access_token"]))


def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(api: Api, session: Any) -> None:
    other = sign_in(api, session, "other")
    token, new = session["access_token"], "another fine password 43"
    body = {"current_password": PASSWORD, "new_password": new}
    problem(
        api.post("/auth/password", {**body, "current_password": "wrong one"}, token=token), 401, "invalid_credentials"
    )
    good(api.post("/auth/password", body, token=token), 204)
    problem(api.post("/auth/refresh", {"refresh_token": other["refresh_token"]}), 401, "invalid_refresh_token")
    ended_everywhere(api, other["access_token"])
    good(api.get("/auth/me", token=token))
    good(api.post("/auth/refresh", {"refresh_token": session["refresh_token"]}))
    credentials = {"email": session["user"]["email"], "password": PASSWORD}
    problem(api.post("/auth/login", credentials), 401, "invalid_credentials")
    good(api.post("/auth/login", {**credentials, "password": new}))


def test_a_weak_new_password_changes_nothing(api: Api, session: Any) -> None:
    token = session["access_token"]
    for weak in ("short", "password123", session["user"]["email"]):
        answer = api.post("/auth/password", {"current_password": PASSWORD, "new_password": weak}, token=token)
        body = problem(answer, 422, "weak_password")
        assert [fault["pointer"] for fault in body["errors"]] == ["/new_password"]
    good(api.post("/auth/login", {"email": session["user"]["email"], "password": PASSWORD}))
