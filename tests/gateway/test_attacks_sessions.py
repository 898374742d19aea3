"""Attacks on sessions: raced and stolen refresh tokens, sessions of others, tokens that outlive what ended them."""

import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from tests.gateway.conftest import PASSWORD
from tests.gateway.shop import Api, at_once, eventually, good, problem

CLIENTS = 20
SECONDS = 5.0
"""So soon all groups refuse an access token that was ended early."""
NEW_PASSWORD = "another fine password 43"


def claims(token: str) -> Any:
    return jwt.decode(token, options={"verify_signature": False})


def refresh(api: Api, session: Any) -> Any:
    return api.post("/auth/refresh", {"refresh_token": session["refresh_token"]})


def sign_in(api: Api, session: Any, password: str = PASSWORD, **more: Any) -> Any:
    return good(api.post("/auth/login", {"email": session["user"]["email"], "password": password}, **more))


def let_the_grace_pass(sql: Any, session: Any) -> None:
    sql.execute(
        "UPDATE auth.refresh_tokens SET rotated_at = rotated_at - interval '11 seconds'"
        " WHERE rotated_at IS NOT NULL AND session_id = %s",
        [claims(session["access_token"])["sid"]],
    )


def tokens_of(sql: Any, session: Any) -> int:
    found = sql.execute(
        "SELECT count(*) FROM auth.refresh_tokens WHERE session_id = %s", [claims(session["access_token"])["sid"]]
    )
    return int(found.fetchone()[0])


def use_everywhere(api: Api, session: Any) -> None:
    for path in ("/auth/me", "/store/units", "/basket"):
        good(api.get(path, token=session["access_token"]))


def is_over_everywhere(api: Api, *sessions: Any) -> None:
    """Neither token of any of these works: the refresh token at once, the access token soon."""
    for session in sessions:
        assert refresh(api, session).status_code == 401
    for session in sessions:
        for path in ("/auth/me", "/store/units", "/basket"):
            eventually(
                lambda path=path, session=session: problem(  # type: ignore[misc]
                    api.get(path, token=session["access_token"]), 401, "invalid_token"
                ),
                seconds=SECONDS,
            )


def audited(api: Api, admin: str, **filters: str) -> list[Any]:
    return list(good(api.get("/auth/audit", params={"limit": "100", **filters}, token=admin))["items"])


def test_twenty_clients_race_one_refresh_token(api: Api, session: Any, sql: Any) -> None:
    answers = at_once([lambda: refresh(api, session)] * CLIENTS)
    pairs = {(good(each)["access_token"], each.json()["refresh_token"]) for each in answers}
    assert len(pairs) == 1, "one successor pair"
    assert tokens_of(sql, session) == 2, "one family of two: the used one and its successor"
    assert sql.execute("SELECT count(*) FROM auth.sessions WHERE user_id = %s", [session["user"]["id"]]).fetchone() == (
        1,
    )
    successor = answers[0].json()
    use_everywhere(api, successor)
    good(refresh(api, successor))
    let_the_grace_pass(sql, session)
    refused = at_once([lambda: refresh(api, session)] * CLIENTS)
    codes = sorted(each.json()["code"] for each in refused)
    assert {each.status_code for each in refused} == {401}
    assert codes == ["invalid_refresh_token"] * (CLIENTS - 1) + ["refresh_token_reused"], "the event is told once"
    is_over_everywhere(api, successor)


def test_a_thief_and_the_owner_find_each_other_out(api: Api, session: Any, admin: str, sql: Any) -> None:
    user, elsewhere = session["user"]["id"], sign_in(api, session)
    # The thief has copied the refresh token, and is the first to use it.
    stolen = good(
        api.post("/auth/refresh", {"refresh_token": session["refresh_token"]}, headers={"User-Agent": "thief"})
    )
    use_everywhere(api, stolen)
    # The owner's client wakes up later, with the token that the thief has used.
    let_the_grace_pass(sql, session)
    answer = api.post("/auth/refresh", {"refresh_token": session["refresh_token"]}, headers={"User-Agent": "owner"})
    body = problem(answer, 401, "refresh_token_reused")
    # It ends for both, whatever they hold, and for nobody else.
    is_over_everywhere(api, stolen, session)
    use_everywhere(api, elsewhere)
    good(refresh(api, elsewhere))
    # The admin can read of it.
    (entry,) = audited(api, admin, user=user, action="refresh_token_reused")
    assert entry["session_id"] == claims(session["access_token"])["sid"]
    assert (entry["device"], entry["trace_id"]) == ("owner", body["trace_id"])
    assert entry["address"]
    ended = sql.execute("SELECT ended_reason FROM auth.sessions WHERE id = %s", [entry["session_id"]]).fetchone()
    assert ended == ("refresh_token_reused",)
    # Further tries tell nothing more, and are no further news.
    for each in (session, stolen):
        problem(refresh(api, each), 401, "invalid_refresh_token")
    assert len(audited(api, admin, user=user, action="refresh_token_reused")) == 1


def test_a_refresh_racing_the_sign_out_brings_nothing_back(api: Api, session: Any) -> None:
    token = {"refresh_token": session["refresh_token"]}
    refreshing = [lambda: refresh(api, session)] * 8
    answers = at_once([*refreshing, lambda: api.post("/auth/logout", token), *refreshing])
    assert {each.status_code for each in answers} <= {200, 204, 401}
    won = [each.json() for each in answers if each.status_code == 200]
    is_over_everywhere(api, session, *won[:1])


def test_a_session_is_never_taken_over_from_what_a_client_says(api: Api, session: Any, register: Any) -> None:
    """Fixation: whatever session, token or id a client has before it signs in, it is given others."""
    thief, planted = register(), claims(session["access_token"])["sid"]
    before = {
        "Cookie": f"session={planted}; sid={planted}; refresh_token={thief['refresh_token']}",
        "Authorization": f"Bearer {thief['access_token']}",
        "X-Session-Id": planted,
        "X-Request-Id": planted,
    }
    # No real token in an address: whoever keeps addresses in a log would have it, as SAM CLI does.
    path = f"/auth/login?sid={planted}&session_id={planted}&refresh_token={'x' * 43}"
    credentials = {"email": session["user"]["email"], "password": PASSWORD}
    fresh = [good(api.post(path, credentials, headers=before)), sign_in(api, session)]
    ids = [claims(each["access_token"])["sid"] for each in (session, thief, *fresh)]
    assert len(set(ids)) == 4
    assert len({each["refresh_token"] for each in (session, thief, *fresh)}) == 4
    assert all(each["user"]["id"] == session["user"]["id"] for each in fresh)
    good(refresh(api, thief))


def test_signing_in_leaves_no_cookie(api: Api, session: Any) -> None:
    credentials = {"email": session["user"]["email"], "password": PASSWORD}
    for answer in (api.post("/auth/login", credentials), refresh(api, session)):
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"


def test_anothers_session_cant_be_ended(api: Api, session: Any, register: Any, staff: str, admin: str) -> None:
    victim = register()
    theirs = claims(victim["access_token"])["sid"]
    for token in (session["access_token"], staff, admin):
        problem(api.delete(f"/auth/sessions/{theirs}", token=token), 404, "not_found")
    for odd in (
        theirs.upper(),
        theirs.replace("-", ""),
        f"%7B{theirs}%7D",
        f"{theirs}%00",
        f"../sessions/{theirs}",
        "*",
    ):
        answer = api.delete(f"/auth/sessions/{odd}", token=session["access_token"])
        assert answer.status_code in (400, 404, 405, 422), (odd, answer.text)
    good(api.delete("/auth/sessions", token=session["access_token"]), 204)
    use_everywhere(api, victim)
    good(refresh(api, victim))


def test_nobody_signs_out_anybody_by_what_isnt_a_refresh_token(api: Api, session: Any) -> None:
    mine = session["refresh_token"]
    sid = claims(session["access_token"])["sid"]
    for wrong in (sid, mine[:-1], mine + "A", mine.swapcase(), f" {mine}", session["user"]["id"], "%", "' OR 1=1 --"):
        good(api.post("/auth/logout", {"refresh_token": wrong}), 204)
    use_everywhere(api, session)
    good(refresh(api, session))


def test_anothers_refresh_token_signs_out_them_and_never_the_one_who_asks(
    api: Api, session: Any, register: Any, admin: str
) -> None:
    """Whoever holds the token is its holder: what ends is the token's session, not the caller's."""
    other = register()
    answer = api.post("/auth/logout", {"refresh_token": other["refresh_token"]}, token=session["access_token"])
    good(answer, 204)
    is_over_everywhere(api, other)
    use_everywhere(api, session)
    good(refresh(api, session))
    (entry,) = audited(api, admin, user=other["user"]["id"], action="signed_out")
    assert entry["session_id"] == claims(other["access_token"])["sid"]


def _sign_out(api: Api, session: Any, *_: Any) -> None:
    good(api.post("/auth/logout", {"refresh_token": session["refresh_token"]}), 204)


def _end_it(api: Api, session: Any, other: Any, *_: Any) -> None:
    good(api.delete(f"/auth/sessions/{claims(session['access_token'])['sid']}", token=other["access_token"]), 204)


def _end_all(api: Api, _session: Any, other: Any, *_: Any) -> None:
    good(api.delete("/auth/sessions", token=other["access_token"]), 204)


def _change_password(api: Api, _session: Any, other: Any, *_: Any) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    good(api.post("/auth/password", body, token=other["access_token"]), 204)


def _disable(api: Api, session: Any, _other: Any, admin: str) -> None:
    good(api.patch(f"/auth/users/{session['user']['id']}", {"disabled": True}, token=admin))


@pytest.mark.parametrize("end", [_sign_out, _end_it, _end_all, _change_password, _disable])
@pytest.mark.parametrize("role", ["customer", "staff"])
def test_tokens_end_with_what_they_stand_for(
    api: Api, session: Any, admin: str, role: str, end: Callable[..., None]
) -> None:
    if role != "customer":
        good(api.patch(f"/auth/users/{session['user']['id']}", {"role": role}, token=admin))
    held, other = sign_in(api, session), sign_in(api, session)
    older, held = held, good(refresh(api, held))
    for each in (held, other):
        use_everywhere(api, each)  # every group has looked at them, and may remember
    end(api, held, other, admin)
    if role == "staff":  # auth itself asks Postgres, and doesn't wait
        problem(api.get("/auth/me", token=held["access_token"]), 401, "invalid_token")
    # All tokens of the session, those of before its rotation too.
    is_over_everywhere(api, held, older)


@pytest.mark.parametrize("spelling", ["as it is", "in upper case", "as a urn"])
def test_a_token_that_was_ended_stays_so_in_any_spelling_of_its_header(api: Api, session: Any, spelling: str) -> None:
    good(api.post("/auth/logout", {"refresh_token": session["refresh_token"]}), 204)
    token = session["access_token"]
    scheme = {"as it is": "Bearer ", "in upper case": "BEARER ", "as a urn": "bearer  "}[spelling]
    for path in ("/auth/me", "/store/units", "/basket"):
        eventually(
            lambda path=path: problem(  # type: ignore[misc]
                api.get(path, headers={"Authorization": scheme + token}), 401, "invalid_token"
            ),
            seconds=SECONDS,
        )


def test_of_password_changes_at_once_one_is_made(api: Api, session: Any, admin: str) -> None:
    others = [sign_in(api, session) for _ in range(4)]
    callers = [session, *others]
    bodies = [{"current_password": PASSWORD, "new_password": f"{NEW_PASSWORD} {place}"} for place in range(5)]
    answers = at_once(
        [
            lambda body=body, token=each["access_token"]: api.post("/auth/password", body, token=token)  # type: ignore[misc]
            for body, each in zip(bodies, callers, strict=True)
        ]
    )
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [204, 401, 401, 401, 401], statuses
    winner = statuses.index(204)
    for place, body in enumerate(bodies):
        credentials = {"email": session["user"]["email"], "password": body["new_password"]}
        assert api.post("/auth/login", credentials).status_code == (200 if place == winner else 401)
    good(refresh(api, callers[winner]))
    is_over_everywhere(api, *[each for place, each in enumerate(callers) if place != winner])
    assert len(audited(api, admin, user=session["user"]["id"], action="password_changed")) == 1


def test_an_ended_session_changes_no_password(api: Api, session: Any) -> None:
    thief = sign_in(api, session)
    good(api.delete(f"/auth/sessions/{claims(thief['access_token'])['sid']}", token=session["access_token"]), 204)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    eventually(lambda: problem(api.get("/auth/me", token=thief["access_token"]), 401, "invalid_token"), seconds=SECONDS)
    problem(api.post("/auth/password", body, token=thief["access_token"]), 401, "invalid_token")
    sign_in(api, session)


def test_an_id_that_is_nobodys_tells_nothing(api: Api, session: Any) -> None:
    mine, nobodys = claims(session["access_token"])["sid"], str(uuid.uuid4())
    told = [api.delete(f"/auth/sessions/{each}") for each in (mine, nobodys)]
    assert {each.status_code for each in told} == {401}
    assert len({each.json()["code"] for each in told}) == 1
