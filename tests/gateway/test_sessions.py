"""Refresh tokens: each use gives a successor; two tabs get the same one; a thief ends the session."""

from typing import Any

import jwt

from tests.gateway.shop import Api, at_once, good, problem


def refreshed(api: Api, token: str) -> Any:
    return good(api.post("/auth/refresh", {"refresh_token": token}))


def test_a_refresh_gives_a_new_pair_that_holds(api: Api, session: Any) -> None:
    second = refreshed(api, session["refresh_token"])
    assert second["refresh_token"] != session["refresh_token"]
    assert second["user"]["id"] == session["user"]["id"]
    good(api.get("/auth/me", token=second["access_token"]))
    third = refreshed(api, second["refresh_token"])
    assert third["refresh_token"] not in (session["refresh_token"], second["refresh_token"])

    def claims(token: str) -> Any:
        return jwt.decode(token, options={"verify_signature": False})

    assert claims(third["access_token"])["sid"] == claims(session["access_token"])["sid"]


def pair_of(answer: Any) -> tuple[str, str]:
    """A pair by what it says: for the minutes after keys were rotated, one function may sign with the new key already
    and another with the last one, and both hold."""
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    return repr(sorted(claims.items())), answer["refresh_token"]


def test_two_tabs_within_ten_seconds_get_the_same_pair(api: Api, session: Any) -> None:
    first = refreshed(api, session["refresh_token"])
    second = refreshed(api, session["refresh_token"])
    assert pair_of(first) == pair_of(second)
    # Even when the first tab has gone on meanwhile.
    refreshed(api, first["refresh_token"])
    assert refreshed(api, session["refresh_token"])["refresh_token"] == first["refresh_token"]


def test_parallel_refreshes_have_one_successor(api: Api, session: Any) -> None:
    token = session["refresh_token"]
    assert len({pair_of(answer) for answer in at_once([lambda: refreshed(api, token)] * 12)}) == 1


def test_a_token_used_again_later_ends_the_session(api: Api, session: Any, sql: Any) -> None:
    stolen = session["refresh_token"]
    mine = refreshed(api, stolen)
    sql.execute(
        """UPDATE auth.refresh_tokens SET rotated_at = rotated_at - interval '11 seconds'
        WHERE rotated_at IS NOT NULL AND session_id IN (SELECT id FROM auth.sessions WHERE user_id = %s)""",
        [session["user"]["id"]],
    )
    problem(api.post("/auth/refresh", {"refresh_token": stolen}), 401, "refresh_token_reused")
    problem(api.post("/auth/refresh", {"refresh_token": mine["refresh_token"]}), 401, "invalid_refresh_token")
    problem(api.post("/auth/refresh", {"refresh_token": stolen}), 401, "invalid_refresh_token")


def test_an_unknown_or_expired_token_is_401(api: Api, session: Any, sql: Any) -> None:
    for token in ("", "x", session["refresh_token"][:-1], session["access_token"][:400], "я"):
        problem(api.post("/auth/refresh", {"refresh_token": token}), 401, "invalid_refresh_token")
    sql.execute(
        """UPDATE auth.refresh_tokens SET expires_at = now()
        WHERE session_id IN (SELECT id FROM auth.sessions WHERE user_id = %s)""",
        [session["user"]["id"]],
    )
    problem(api.post("/auth/refresh", {"refresh_token": session["refresh_token"]}), 401, "invalid_refresh_token")


def test_refresh_tokens_are_stored_as_digests_alone(session: Any, sql: Any) -> None:
    rows = sql.execute(
        """SELECT digest FROM auth.refresh_tokens t JOIN auth.sessions s ON s.id = t.session_id
        WHERE s.user_id = %s""",
        [session["user"]["id"]],
    ).fetchall()
    assert rows
    assert all(len(row[0]) == 32 and session["refresh_token"].encode() not in bytes(row[0]) for row in rows)
