"""Guessing at one account gets slower and slower, whoever guesses and from wherever, and a known device stays free."""

import base64
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest

from auth import limits
from auth.clients import Client
from auth.devices import device_token, trusted_device
from tests.functions.calls import good, invoke
from tests.functions.clock import Clock, put_into
from tests.functions.events import rest_event
from tests.functions.strangers import PASSWORD, WRONG, post, sign_in, somewhere

FREE = 5
WAITS = [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
NOBODY = Client(None, None)


@pytest.fixture(autouse=True)
def clock(shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock(shop["redis_url"])
    put_into(monkeypatch, made)
    limits.forget_limits()
    yield made
    limits.forget_limits()


@pytest.fixture
def account() -> Any:
    """An account, the address from which it was made, and what its device was given."""
    email, address = f"{uuid4().hex}@shop.example", somewhere()
    made = good(post("/auth/register", {"email": email, "password": PASSWORD}, address), 201)
    return {"email": email, "address": address, "id": UUID(made["user"]["id"]), "device_token": made["device_token"]}


def fail(email: str, times: int, **given: Any) -> None:
    for _ in range(times):
        assert sign_in(email, **given).status == 401


def waits(answer: Any) -> int:
    assert (answer.status, answer.body["code"]) == (429, "too_many_requests"), answer
    return int(answer.headers["retry-after"])


def test_five_cost_nothing_and_then_the_wait_doubles(account: Any, clock: Clock) -> None:
    email = account["email"]
    fail(email, FREE)
    for seconds in WAITS:
        assert waits(sign_in(email.upper())) == seconds
        assert waits(sign_in(email, PASSWORD)) == seconds, "a right one isn't looked at either"
        clock.move(seconds - 0.5)
        assert waits(sign_in(email)) == 1
        clock.move(0.5)
        fail(email, 1)
    clock.move(300)
    assert sign_in(email, PASSWORD).status == 200
    fail(email, FREE)
    assert waits(sign_in(email)) == 2, "a right one begins anew"


def test_an_unknown_address_is_no_different(clock: Clock) -> None:
    email = f"{uuid4().hex}@shop.example"
    fail(email, FREE)
    for seconds in WAITS[:4]:
        assert waits(sign_in(email)) == seconds
        clock.move(seconds)
        fail(email, 1)


def test_what_is_no_address_is_no_different() -> None:
    name = f"no address {uuid4().hex}"
    fail(name, FREE)
    assert waits(sign_in(name.upper())) == 2


def test_an_hour_forgets(account: Any, clock: Clock) -> None:
    fail(account["email"], FREE)
    clock.move(2)
    fail(account["email"], 1)
    clock.move(3600)
    fail(account["email"], FREE)
    assert waits(sign_in(account["email"])) == 2


def test_refused_tries_make_no_wait_longer(account: Any, clock: Clock) -> None:
    fail(account["email"], FREE)
    for _ in range(20):
        assert waits(sign_in(account["email"])) == 2
    clock.move(2)
    fail(account["email"], 1)
    assert waits(sign_in(account["email"])) == 4


def test_right_passwords_cost_nothing(account: Any) -> None:
    for _ in range(3):
        fail(account["email"], FREE - 1)
        assert sign_in(account["email"], PASSWORD).status == 200


@pytest.mark.parametrize(("before", "looked_at"), [(0, FREE), (3, FREE - 3), (FREE + 3, 1)])
def test_of_many_at_once_no_more_are_looked_at(clock: Clock, before: int, looked_at: int) -> None:
    subject = uuid4().hex
    for wait in [*[0] * FREE, *WAITS][:before]:
        clock.move(wait)
        limits.attempt(subject, client=NOBODY).failed()
    waited = max(0, before + looked_at - FREE)
    clock.move(WAITS[waited - 1] if waited else 0)

    def guess(_: int) -> bool:
        try:
            limits.attempt(subject, client=NOBODY)
        except limits.TooManyTries:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(guess, range(60))) == looked_at
    with pytest.raises(limits.TooManyTries) as caught:
        limits.attempt(subject, client=NOBODY)
    assert caught.value.parameters == {"retry_after": WAITS[waited]}


def test_a_try_given_back_counts_for_nothing_and_forgives_nothing(clock: Clock) -> None:
    subject = uuid4().hex
    for _ in range(FREE - 1):
        limits.attempt(subject, client=NOBODY).failed()
        for _ in range(10):
            limits.attempt(subject, client=NOBODY).released()
    limits.attempt(subject, client=NOBODY).failed()
    for seconds in WAITS[:3]:
        with pytest.raises(limits.TooManyTries):
            limits.attempt(subject, client=NOBODY)
        clock.move(seconds)
        for _ in range(10):
            limits.attempt(subject, client=NOBODY).released()
        limits.attempt(subject, client=NOBODY).failed()


def test_what_is_given_back_is_free_again_whatever_was_refused_meanwhile() -> None:
    subject = uuid4().hex
    slow, *_ = [limits.attempt(subject, client=NOBODY) for _ in range(FREE)]
    for _ in range(10):
        with pytest.raises(limits.TooManyTries):
            limits.attempt(subject, client=NOBODY)
    slow.released()
    limits.attempt(subject, client=NOBODY)
    with pytest.raises(limits.TooManyTries):
        limits.attempt(subject, client=NOBODY)


def test_a_known_device_signs_in_whatever_strangers_do(account: Any) -> None:
    email, token = account["email"], account["device_token"]
    fail(email, FREE)
    assert waits(sign_in(email, PASSWORD)) == 2, "the owner at a new device and a new address has to wait"
    known = good(sign_in(email, PASSWORD, device_token=token))
    assert waits(sign_in(email)) == 2, "what the owner does at home helps no stranger"
    assert sign_in(email, PASSWORD, device_token=known["device_token"]).status == 200


def test_so_does_the_form(account: Any) -> None:
    fail(account["email"], FREE)
    form = {"grant_type": "password", "username": account["email"], "password": PASSWORD}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    stranger, owner = (urlencode({**form, **more}) for more in ({}, {"device_token": account["device_token"]}))
    for body, status in ((stranger, 429), (owner, 200)):
        event = rest_event("POST", "/auth/token", body.encode(), headers=headers)
        event["requestContext"]["identity"]["sourceIp"] = somewhere()
        assert invoke(event).status == status


def test_a_known_address_signs_in_whatever_strangers_do(account: Any) -> None:
    email, home = account["email"], account["address"]
    fail(email, FREE)
    assert sign_in(email, PASSWORD, home).status == 200
    fail(email, FREE, address=home)
    assert waits(sign_in(email, PASSWORD, home)) == 2, "a neighbour behind the same address guesses no better"
    assert sign_in(email, PASSWORD, home, device_token=account["device_token"]).status == 200


def test_a_stolen_device_token_guesses_no_faster(account: Any, clock: Clock) -> None:
    email, token = account["email"], account["device_token"]
    fail(email, FREE, device_token=token)
    for seconds in WAITS[:3]:
        assert waits(sign_in(email, device_token=token)) == seconds
        clock.move(seconds)
        fail(email, 1, device_token=token)
    assert sign_in(email, PASSWORD).status == 200, "and holds nobody else up"


def flipped(token: str, place: int) -> str:
    content = bytearray(base64.urlsafe_b64decode(token))
    content[place] ^= 1
    return base64.urlsafe_b64encode(content).decode()


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: "\u0436" * 76,
        lambda token: "!" * 76,
        lambda token: token[:-4],
        lambda token: token + "AAAA",
        lambda token: flipped(token, 0),
        lambda token: flipped(token, 5),
        lambda token: flipped(token, 20),
        lambda token: flipped(token, 24),
        lambda token: flipped(token, -1),
        lambda token: device_token(uuid4(), None),
    ],
    ids=["empty", "letters", "signs", "short", "long", "version", "nonce", "time", "late", "signature", "another's"],
)
def test_a_bad_device_token_is_not_trusted_and_no_error(account: Any, change: Callable[[str], str]) -> None:
    bad = change(account["device_token"])
    assert trusted_device(bad, account["id"], None) is None
    assert good(sign_in(account["email"], PASSWORD, device_token=bad))["device_token"]
    fail(account["email"], FREE, device_token=bad)
    assert waits(sign_in(account["email"], PASSWORD, device_token=bad)) == 2
    assert waits(sign_in(account["email"], PASSWORD)) == 2, "it shares the strangers' bucket"


def test_a_device_is_known_for_a_year(account: Any, clock: Clock) -> None:
    token = account["device_token"]
    assert trusted_device(token, account["id"], None)
    clock.move(364 * 86_400)
    assert trusted_device(token, account["id"], None)
    clock.move(2 * 86_400)
    assert trusted_device(token, account["id"], None) is None


def test_no_address_stands_in_redis_or_in_the_log(account: Any, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    email = account["email"]
    before = set(clock.keys())
    fail(email, FREE)
    fail(email, FREE, device_token=account["device_token"])
    for _ in range(5):
        waits(sign_in(email))
    written = {name: value for name, value in clock.keys().items() if name not in before}
    assert written
    assert not [name for name, value in written.items() if email in f"{name} {value}"]
    assert not [secret for secret in (email, account["device_token"], PASSWORD, WRONG) if secret in caplog.text]


def told(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.getMessage() == "security event: too many tries"]


def test_a_refusal_is_told_once_a_wait(account: Any, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    fail(account["email"], FREE)
    for _ in range(10):
        waits(sign_in(account["email"]))
    assert [(record.retry_after, record.what) for record in told(caplog)] == [(2, "wrong passwords")]
    clock.move(2)
    fail(account["email"], 1)
    for _ in range(10):
        waits(sign_in(account["email"]))
    assert [record.retry_after for record in told(caplog)] == [2, 4]


def test_it_counts_without_redis_too_and_goes_back_to_it(account: Any, wired: Any, clock: Clock) -> None:
    email = account["email"]
    wire = wired("REDIS_URL")
    fail(email, FREE - 1)
    wire.cut()
    fail(email, FREE)
    assert waits(sign_in(email)) == 2
    clock.move(2)
    fail(email, 1)
    assert waits(sign_in(email)) == 4
    assert sign_in(email, PASSWORD, device_token=account["device_token"]).status == 200
    wire.mend()
    clock.move(limits.PAUSE_SECONDS)
    fail(email, 1)
    assert waits(sign_in(email)) == 2, "the fifth on Redis"


def test_redis_cut_within_a_try_is_no_error(wired: Any, clock: Clock) -> None:
    wire = wired("REDIS_URL")
    client = Client(None, somewhere())
    for end in ("failed", "succeeded", "released"):
        subject = uuid4().hex
        tried = limits.attempt(subject, client=client)
        wire.cut()
        getattr(tried, end)()
        limits.attempt(subject, client=client).succeeded()
        wire.mend()
        clock.move(limits.PAUSE_SECONDS)


def test_a_silent_redis_is_asked_once(account: Any, wired: Any) -> None:
    wire = wired("REDIS_URL")
    fail(account["email"], 1)
    wire.hush()
    fail(account["email"], FREE)
    assert waits(sign_in(account["email"])) == 2
