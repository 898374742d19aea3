"""Attacks on the tokens that travel by mail, from the mail to the door: raced, tampered, swapped, out of date."""

import base64
from typing import Any

import pytest

from tests.gateway.conftest import PASSWORD
from tests.gateway.mailbox import mails_to, token_in
from tests.gateway.shop import Api, at_once, eventually, good, problem, unique

NEW = "another fine password 43"


def verification(stack: dict[str, Any], session: Any) -> str:
    """The token of the first mail, which registering asks for."""
    return token_in(mails_to(stack, session["user"]["email"])[0])


def forgot(api: Api, stack: dict[str, Any], session: Any, *, mails_before: int = 1) -> str:
    """The token of a mail that was asked for now."""
    email = session["user"]["email"]
    mails_to(stack, email, at_least=mails_before)
    good(api.post("/auth/password/forgot", {"email": email}), 202)
    return token_in(mails_to(stack, email, at_least=mails_before + 1)[-1])


def reset(api: Api, token: str, password: str = NEW) -> Any:
    return api.post("/auth/password/reset", {"token": token, "new_password": password})


def holds(api: Api, session: Any, password: str) -> bool:
    answer = api.post("/auth/login", {"email": session["user"]["email"], "password": password})
    assert answer.status_code in (200, 401), answer.text
    return bool(answer.status_code == 200)


def test_ten_at_once_use_a_reset_token_once(api: Api, stack: dict[str, Any], session: Any, admin: str) -> None:
    token = forgot(api, stack, session)
    words = [f"{NEW} {place}" for place in range(10)]
    answers = at_once([lambda word=word: reset(api, token, word) for word in words])  # type: ignore[misc]
    assert sorted(answer.status_code for answer in answers) == [204] + [401] * 9
    for answer in answers:
        if answer.status_code != 204:
            problem(answer, 401, "invalid_reset_token")
    winner = next(word for word, answer in zip(words, answers, strict=True) if answer.status_code == 204)
    assert holds(api, session, winner)
    assert not holds(api, session, PASSWORD)
    user = session["user"]["id"]
    entries = good(api.get("/auth/audit", params={"user": user, "action": "password_reset"}, token=admin))["items"]
    assert len(entries) == 1


def test_a_reset_ends_every_session_everywhere(api: Api, stack: dict[str, Any], session: Any) -> None:
    other = good(api.post("/auth/login", {"email": session["user"]["email"], "password": PASSWORD}))
    for each in (session, other):
        for path in ("/auth/me", "/store/units", "/basket"):
            good(api.get(path, token=each["access_token"]))
    good(reset(api, forgot(api, stack, session)), 204)
    for each in (session, other):
        refused = api.post("/auth/refresh", {"refresh_token": each["refresh_token"]})
        problem(refused, 401, "invalid_refresh_token")
    for each in (session, other):
        for path in ("/auth/me", "/store/units", "/basket"):
            eventually(
                lambda path=path, each=each: problem(  # type: ignore[misc]
                    api.get(path, token=each["access_token"]), 401, "invalid_token"
                ),
                seconds=5,
            )


def test_a_token_serves_its_own_kind_alone_and_stays_whole(api: Api, stack: dict[str, Any], session: Any) -> None:
    verify, again = verification(stack, session), forgot(api, stack, session)
    problem(reset(api, verify), 401, "invalid_reset_token")
    problem(api.post("/auth/email/verify", {"token": again}), 401, "invalid_verification_token")
    # Neither is a refresh token, an access token, or anything else that opens a door.
    for token in (verify, again):
        problem(api.post("/auth/refresh", {"refresh_token": token}), 401, "invalid_refresh_token")
        problem(api.get("/auth/me", token=token), 401, "invalid_token")
        assert not holds(api, session, token)
    for token in (session["refresh_token"], session["access_token"][:500], session["device_token"][:500]):
        problem(reset(api, token), 401, "invalid_reset_token")
        problem(api.post("/auth/email/verify", {"token": token}), 401, "invalid_verification_token")
    good(api.post("/auth/email/verify", {"token": verify}), 204)
    good(reset(api, again), 204)


def variants(token: str) -> list[str]:
    """Tokens that nearly are this one: another letter, another spelling of the same bytes, more, less."""
    place = len(token) // 2
    other = "A" if token[place] != "A" else "B"
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    # The last letter holds 4 bits and 2 that mean nothing: a reader of base64 takes four letters for one.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(token[-1])
    return [
        token[:place] + other + token[place + 1 :],
        token[:-1],
        token[1:],
        token + "A",
        token + "=",
        f" {token}",
        f"{token}\n",
        token.swapcase(),
        token[:-1] + alphabet[last ^ 1],
        raw.hex(),
        base64.b64encode(raw).decode() + "=",
        f"%{ord(token[0]):02x}{token[1:]}",
        "",
        "*",
        "' OR ''='",
    ]


def test_a_tampered_token_is_nobodys(api: Api, stack: dict[str, Any], session: Any) -> None:
    verify, token = verification(stack, session), forgot(api, stack, session)
    for near in variants(token):
        problem(reset(api, near), 401, "invalid_reset_token")
    for near in variants(verify):
        problem(api.post("/auth/email/verify", {"token": near}), 401, "invalid_verification_token")
    good(reset(api, token), 204)
    good(api.post("/auth/email/verify", {"token": verify}), 204)


def test_a_token_is_its_users_whoever_sends_it(api: Api, stack: dict[str, Any], session: Any, register: Any) -> None:
    """A thief who is signed in, and who sends somebody's mail's token, neither becomes them nor loses anything."""
    thief = register()
    verify = verification(stack, session)
    answer = api.post("/auth/email/verify", {"token": verify}, token=thief["access_token"])
    good(answer, 204)
    assert good(api.get("/auth/me", token=session["access_token"]))["email_verified"] is True
    assert good(api.get("/auth/me", token=thief["access_token"]))["email_verified"] is False
    token = forgot(api, stack, session)
    answer = api.post("/auth/password/reset", {"token": token, "new_password": NEW}, token=thief["access_token"])
    good(answer, 204)
    assert (holds(api, session, NEW), holds(api, thief, NEW), holds(api, thief, PASSWORD)) == (True, False, True)


@pytest.mark.parametrize("column", ["expires_at", "used_at"])
def test_a_token_that_expired_or_was_used_is_void(
    api: Api, stack: dict[str, Any], session: Any, sql: Any, column: str
) -> None:
    verify, token = verification(stack, session), forgot(api, stack, session)
    sql.execute(
        f"UPDATE auth.mail_tokens SET {column} = now() - interval '1 millisecond' WHERE user_id = %s",
        [session["user"]["id"]],
    )
    problem(reset(api, token), 401, "invalid_reset_token")
    problem(api.post("/auth/email/verify", {"token": verify}), 401, "invalid_verification_token")
    assert holds(api, session, PASSWORD)


def test_a_token_lives_as_long_as_is_said(api: Api, stack: dict[str, Any], session: Any, sql: Any) -> None:
    forgot(api, stack, session)
    lives = sql.execute(
        "SELECT kind, extract(epoch FROM expires_at - created_at)::int FROM auth.mail_tokens"
        " WHERE user_id = %s ORDER BY kind",
        [session["user"]["id"]],
    ).fetchall()
    assert lives == [("reset", 3600), ("verify", 24 * 3600)]


@pytest.mark.parametrize("change", ["the password", "a newer reset"])
def test_a_change_of_password_voids_the_mail_that_is_underway(
    api: Api, stack: dict[str, Any], session: Any, change: str
) -> None:
    older = forgot(api, stack, session)
    if change == "the password":
        body = {"current_password": PASSWORD, "new_password": NEW}
        good(api.post("/auth/password", body, token=session["access_token"]), 204)
    else:
        good(reset(api, forgot(api, stack, session, mails_before=2)), 204)
    problem(reset(api, older, "a third password 44"), 401, "invalid_reset_token")
    assert holds(api, session, NEW)


def test_a_token_doesnt_follow_the_user_to_another_address(
    api: Api, stack: dict[str, Any], session: Any, sql: Any
) -> None:
    """The mail went to the old address, and proves nothing of the new one."""
    verify, token = verification(stack, session), forgot(api, stack, session)
    sql.execute(
        "UPDATE auth.users SET email = %s WHERE id = %s", [f"{unique('new')}@example.org", session["user"]["id"]]
    )
    problem(reset(api, token), 401, "invalid_reset_token")
    problem(api.post("/auth/email/verify", {"token": verify}), 401, "invalid_verification_token")


def test_a_disabled_user_gets_in_by_no_mail(api: Api, stack: dict[str, Any], session: Any, admin: str) -> None:
    token = forgot(api, stack, session)
    path = f"/auth/users/{session['user']['id']}"
    good(api.patch(path, {"disabled": True}, token=admin))
    problem(reset(api, token), 401, "invalid_reset_token")
    good(api.patch(path, {"disabled": False}, token=admin))
    problem(reset(api, token), 401, "invalid_reset_token")
    assert holds(api, session, PASSWORD)


def test_forgot_answers_all_alike(api: Api, session: Any, register: Any, sql: Any) -> None:
    disabled = register()
    sql.execute("UPDATE auth.users SET disabled = true WHERE id = %s", [disabled["user"]["id"]])
    asked = (
        session["user"]["email"],
        session["user"]["email"].upper(),
        disabled["user"]["email"],
        f"{unique('nobody')}@example.org",
        "nobody at all",
    )
    answers = [api.post("/auth/password/forgot", {"email": email}) for email in asked]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    changing = ("x-request-id", "x-amzn-requestid", "x-amz-request-id", "date", "x-amzn-trace-id")
    told = [{name: value for name, value in each.headers.items() if name.lower() not in changing} for each in answers]
    assert all(each == told[0] for each in told)
