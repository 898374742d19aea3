"""Guessing at an account through the gateway: it gets slow, for many at once too, and the owner's device stays free."""

import time
from collections.abc import Callable
from typing import Any

from tests.gateway.conftest import PASSWORD
from tests.gateway.shop import Api, at_once, eventually, good, problem, unique

FREE = 5


def guess(api: Api, email: str, password: str = "not it, surely", **more: Any) -> Any:
    return api.post("/auth/login", {"email": email, "password": password, **more})


def held_up(api: Api, email: str) -> None:
    """Guess until the wait is so long that it doesn't end meanwhile."""
    answer = guess(api, email)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 2


def test_sixty_wrong_passwords_reach_429_and_the_owners_device_signs_in(api: Api, register: Callable[[], Any]) -> None:
    session = register()
    email = session["user"]["email"]
    answers = [guess(api, email) for _ in range(60)]
    assert [answer.status_code for answer in answers[: FREE + 1]] == [401] * FREE + [429]
    for answer in answers:
        if answer.status_code == 429:
            problem(answer, 429, "too_many_requests")
            assert 1 <= int(answer.headers["Retry-After"]) <= 300
    eventually(lambda: held_up(api, email))
    problem(guess(api, email, PASSWORD), 429, "too_many_requests")
    token = good(guess(api, email, PASSWORD, device_token=session["device_token"]))["device_token"]
    problem(guess(api, email, PASSWORD), 429, "too_many_requests")
    good(guess(api, email, PASSWORD, device_token=token))


def test_of_forty_at_once_five_are_looked_at(api: Api) -> None:
    email = f"{unique()}@example.org"
    began = time.monotonic()
    answers = at_once([lambda: guess(api, email)] * 40)
    # On a slow machine the first waits end before the last of them comes.
    ended = sum(time.monotonic() - began > after for after in (2, 2 + 4, 2 + 4 + 8, 2 + 4 + 8 + 16))
    assert FREE <= sum(answer.status_code == 401 for answer in answers) <= FREE + ended
    assert {answer.status_code for answer in answers} == {401, 429}


def test_a_hundred_sign_ins_from_one_address_meet_no_limit(api: Api, register: Callable[[], Any]) -> None:
    sessions = [register() for _ in range(10)]
    emails = [session["user"]["email"] for session in sessions]
    for answer in at_once([lambda email=email: guess(api, email, PASSWORD) for email in emails * 10]):  # type: ignore[misc]
        good(answer)


def test_a_client_cannot_say_where_it_is(api: Api, register: Callable[[], Any]) -> None:
    email, claimed = register()["user"]["email"], "192.0.2.77"
    headers = {"X-Forwarded-For": claimed, "X-Real-IP": claimed, "Forwarded": f"for={claimed}"}
    body = {"email": email, "password": PASSWORD}
    token = good(api.post("/auth/login", body, headers=headers))["access_token"]
    assert claimed not in api.get("/auth/sessions", token=token).text
