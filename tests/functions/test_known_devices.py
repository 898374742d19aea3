"""What makes a client known to an account, until when, and how much all that are known may guess together."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from auth import limits
from auth.clients import Client
from tests.functions.calls import Answer, call, good
from tests.functions.clock import Clock, put_into
from tests.functions.strangers import PASSWORD, post, sign_in, somewhere

NEW = "another fine password 43"
FREE, TOTAL = 5, 60


@pytest.fixture(autouse=True)
def clock(shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock(shop["redis_url"])
    put_into(monkeypatch, made)
    limits.forget_limits()
    yield made
    limits.forget_limits()


@pytest.fixture
def account() -> Any:
    """An account, and the address from which it was made."""
    email, home = f"{uuid4().hex}@shop.example", somewhere()
    made = good(post("/auth/register", {"email": email, "password": PASSWORD}, home), 201)
    return {"email": email, "home": home, "id": made["user"]["id"], "token": made["access_token"]}


def reset(account: Any, address: str | None, password: str = NEW) -> None:
    """Set the password by a token as the mail worker makes one, from this address."""
    from auth import mail_tokens
    from auth.database import database

    token = database.transaction(
        lambda transaction: mail_tokens.make(
            transaction, user_id=UUID(account["id"]), kind="reset", email=account["email"], event_id=uuid4()
        )
    )
    good(post("/auth/password/reset", {"token": token, "new_password": password}, address), 204)


def harvest(account: Any, times: int = 30) -> list[str]:
    """As many device tokens as there were sign-ins with the right password."""
    return [good(sign_in(account["email"], PASSWORD))["device_token"] for _ in range(times)]


def looked_at(account: Any, tokens: list[str]) -> int:
    """How many of five wrong passwords for each of these tokens were compared."""
    answers = [sign_in(account["email"], device_token=token) for token in tokens for _ in range(FREE)]
    assert {answer.status for answer in answers} <= {401, 429}
    return sum(answer.status == 401 for answer in answers)


def waits(answer: Answer) -> int:
    assert (answer.status, answer.body["code"]) == (429, "too_many_requests"), answer
    return int(answer.headers["retry-after"])


def test_many_device_tokens_guess_no_more_than_one_total(account: Any, clock: Clock) -> None:
    tokens = harvest(account)
    assert looked_at(account, tokens) == TOTAL + FREE, "beyond the total they climb the strangers' ladder"
    waits(sign_in(account["email"], PASSWORD, device_token=tokens[-1]))
    waits(sign_in(account["email"], PASSWORD, account["home"]))
    clock.move(3600)
    assert sign_in(account["email"], PASSWORD, device_token=tokens[-1]).status == 200


def test_many_known_addresses_share_the_total(account: Any) -> None:
    homes = [somewhere() for _ in range(TOTAL // FREE + 3)]
    for home in homes:
        good(sign_in(account["email"], PASSWORD, home))
    answers = [sign_in(account["email"], address=home) for home in homes for _ in range(FREE)]
    assert sum(answer.status == 401 for answer in answers) == TOTAL + FREE


def test_right_passwords_at_known_devices_use_nothing_of_the_total_up(account: Any) -> None:
    (token,) = harvest(account, 1)
    for _ in range(TOTAL + 10):
        token = good(sign_in(account["email"], PASSWORD, device_token=token))["device_token"]
    for _ in range(FREE):
        assert sign_in(account["email"]).status == 401
    waits(sign_in(account["email"], PASSWORD))
    assert sign_in(account["email"], PASSWORD, device_token=token).status == 200, "still known"


def test_refused_tries_use_nothing_of_the_total_up(account: Any) -> None:
    first, second = harvest(account, 2)
    for _ in range(FREE):
        assert sign_in(account["email"], device_token=first).status == 401
    for _ in range(TOTAL + 10):
        waits(sign_in(account["email"], device_token=first))
    for _ in range(FREE):
        assert sign_in(account["email"]).status == 401
    assert sign_in(account["email"], PASSWORD, device_token=second).status == 200


def test_of_known_devices_at_once_no_more_than_the_total_are_looked_at() -> None:
    subject = uuid4().hex

    def guess(device: int) -> bool:
        try:
            limits.attempt(subject, client=Client(None, None), trusted=str(device % 30))
        except limits.TooManyTries:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(guess, range(150))) <= TOTAL + FREE


def test_a_reset_voids_the_device_tokens_from_before(account: Any) -> None:
    tokens = harvest(account)
    reset(account, somewhere())
    assert looked_at(account, tokens) == FREE, "they share the strangers' bucket"
    waits(sign_in(account["email"], NEW))


def test_a_changed_password_voids_them_as_well(account: Any) -> None:
    tokens = harvest(account, 3)
    body = {"current_password": PASSWORD, "new_password": NEW}
    good(call("POST", "/auth/password", body, token=account["token"]), 204)
    assert looked_at(account, tokens) == FREE
    assert sign_in(account["email"], NEW, account["home"]).status == 200, "where its session stands one is known"


def test_an_address_signed_out_at_before_a_reset_is_known_no_more(account: Any) -> None:
    theirs = somewhere()

    def sign_in_and_out() -> None:
        session = good(sign_in(account["email"], PASSWORD, theirs))
        good(post("/auth/logout", {"refresh_token": session["refresh_token"]}, theirs), 204)

    sign_in_and_out()
    for _ in range(FREE):
        assert sign_in(account["email"]).status == 401
    sign_in_and_out()
    reset(account, somewhere())
    waits(sign_in(account["email"], NEW, theirs))


def test_who_reset_the_password_is_known_where_they_did(account: Any) -> None:
    here, elsewhere = somewhere(), somewhere()
    reset(account, here)
    for _ in range(FREE):
        assert sign_in(account["email"]).status == 401
    waits(sign_in(account["email"], NEW, elsewhere))
    assert sign_in(account["email"], NEW, here).status == 200, "whatever strangers do"
    for _ in range(FREE):
        assert sign_in(account["email"], address=here).status == 401
    waits(sign_in(account["email"], NEW, here))


def test_who_reset_the_password_is_known_whatever_was_guessed_with_gathered_tokens(account: Any) -> None:
    looked_at(account, harvest(account))
    here = somewhere()
    reset(account, here)
    waits(sign_in(account["email"], NEW))
    assert sign_in(account["email"], NEW, here).status == 200


def test_only_the_last_reset_makes_its_address_known(account: Any) -> None:
    first, last = somewhere(), somewhere()
    reset(account, first)
    reset(account, last, f"{NEW} again")
    for _ in range(FREE):
        assert sign_in(account["email"]).status == 401
    waits(sign_in(account["email"], f"{NEW} again", first))
    assert sign_in(account["email"], f"{NEW} again", last).status == 200


def test_a_reset_long_ago_makes_nobody_known(account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = somewhere()
    reset(account, here)
    monkeypatch.setattr("auth.sign_in.KNOWN_FOR", timedelta())
    for _ in range(FREE):
        assert sign_in(account["email"]).status == 401
    waits(sign_in(account["email"], NEW, here))


def test_a_reset_from_no_address_makes_nobody_known(account: Any) -> None:
    reset(account, None)
    for _ in range(FREE):
        assert sign_in(account["email"]).status == 401
    waits(sign_in(account["email"], NEW, account["home"]))
