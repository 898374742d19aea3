"""One client's wrong passwords over many accounts, and its requests of a kind, are limited by address and network."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from auth import limits
from auth.clients import Client
from auth.limit_items import MULTIPLES
from eatit.settings import settings
from tests.functions.calls import call, good, invoke
from tests.functions.clock import Clock, put_into
from tests.functions.events import rest_event
from tests.functions.strangers import PASSWORD, post, sign_in, somewhere

KINDS = ["register", "forgot", "reset", "verify", "refresh"]


@pytest.fixture(autouse=True)
def clock(shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock(shop["redis_url"])
    put_into(monkeypatch, made)
    yield made
    monkeypatch.undo()
    settings.cache_clear()
    limits.forget_limits()


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`limited(ADDRESS_REQUESTS="3 per minute")` sets a limit as a deployment would."""

    def limit(**given: str) -> None:
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        limits.forget_limits()

    return limit


def network() -> str:
    """A /24 where nobody has been."""
    return somewhere().rpartition(".")[0]


def spray(address: str | None, times: int) -> None:
    """A wrong password for as many accounts."""
    for _ in range(times):
        assert sign_in(f"{uuid4().hex}@shop.example", address=address).status == 401


def waits(answer: Any) -> int:
    assert (answer.status, answer.body["code"]) == (429, "too_many_requests"), answer
    return int(answer.headers["retry-after"])


def account(address: str) -> Any:
    email = f"{uuid4().hex}@shop.example"
    made = good(post("/auth/register", {"email": email, "password": PASSWORD}, address), 201)
    return {"email": email, "device_token": made["device_token"]}


def test_one_address_sprays_many_accounts(limited: Callable[..., None], clock: Clock) -> None:
    limited(ADDRESS_WRONG_PASSWORDS="6 per hour")
    owner, inside = account(somewhere()), network()
    sprayer, neighbour = f"{inside}.1", f"{inside}.2"
    spray(sprayer, 6)
    assert 3590 < waits(sign_in(f"{uuid4().hex}@shop.example", address=sprayer)) <= 3600
    assert waits(sign_in(owner["email"], PASSWORD, sprayer)) > 1, "a right one from there isn't looked at"
    assert sign_in(owner["email"], PASSWORD, neighbour).status == 200
    assert sign_in(owner["email"], PASSWORD, sprayer, device_token=owner["device_token"]).status == 200
    clock.move(3600)
    spray(sprayer, 6)


def test_a_customer_is_known_where_somebody_sprays(limited: Callable[..., None]) -> None:
    limited(ADDRESS_WRONG_PASSWORDS="3 per hour")
    home = somewhere()
    owner = account(home)
    spray(home, 3)
    waits(sign_in(f"{uuid4().hex}@shop.example", address=home))
    assert sign_in(owner["email"], PASSWORD, home).status == 200


def test_many_addresses_of_one_network_spray(limited: Callable[..., None]) -> None:
    limited(ADDRESS_WRONG_PASSWORDS="3 per hour", NETWORK_WRONG_PASSWORDS="8 per hour")
    inside = network()
    for host in range(8):
        spray(f"{inside}.{host}", 1)
    assert waits(sign_in(f"{uuid4().hex}@shop.example", address=f"{inside}.200")) > 3500
    spray(somewhere(), 1)


def test_ipv6_counts_by_64_and_by_48(limited: Callable[..., None]) -> None:
    limited(ADDRESS_WRONG_PASSWORDS="4 per hour", NETWORK_WRONG_PASSWORDS="6 per hour")
    site = f"2001:db8:{uuid4().hex[:4]}"
    for host in range(4):
        spray(f"{site}:7::{host:x}", 1)
    waits(sign_in(f"{uuid4().hex}@shop.example", address=f"{site}:7:ffff:ffff:ffff:ffff"))
    spray(f"{site}:8::1", 2)
    waits(sign_in(f"{uuid4().hex}@shop.example", address=f"{site}:9::1"))


def test_ipv4_in_ipv6_is_ipv4(limited: Callable[..., None]) -> None:
    limited(ADDRESS_WRONG_PASSWORDS="2 per hour")
    address = somewhere()
    spray(f"::ffff:{address}", 2)
    waits(sign_in(f"{uuid4().hex}@shop.example", address=address))


@pytest.mark.parametrize("address", [None, "", "unknown", "1.2.3"])
def test_who_has_no_address_is_not_limited_by_it(limited: Callable[..., None], address: str | None) -> None:
    limited(ADDRESS_WRONG_PASSWORDS="1 per hour", NETWORK_WRONG_PASSWORDS="1 per hour", ADDRESS_REQUESTS="1 per hour")
    spray(address, 3)
    for _ in range(3):
        account(address)  # type: ignore[arg-type]


def test_what_a_client_says_of_its_address_is_not_read(limited: Callable[..., None]) -> None:
    limited(ADDRESS_WRONG_PASSWORDS="3 per hour")
    address, statuses = somewhere(), []
    for _ in range(4):
        headers = {"X-Forwarded-For": somewhere(), "X-Real-IP": somewhere(), "Forwarded": f"for={somewhere()}"}
        event = rest_event(
            "POST", "/auth/login", {"email": f"{uuid4().hex}@shop.example", "password": "x"}, headers=headers
        )
        event["requestContext"]["identity"]["sourceIp"] = address
        statuses.append(invoke(event).status)
    assert statuses == [401, 401, 401, 429]


def test_right_passwords_are_not_counted(limited: Callable[..., None]) -> None:
    limited(ADDRESS_WRONG_PASSWORDS="2 per hour")
    home, shared = somewhere(), somewhere()
    for owner in [account(home) for _ in range(5)]:
        assert sign_in(owner["email"], PASSWORD, shared).status == 200


def test_registering_is_limited(limited: Callable[..., None], clock: Clock) -> None:
    limited(ADDRESS_REQUESTS="3 per minute", NETWORK_REQUESTS="5 per minute")
    inside = network()
    body = {"email": account(somewhere())["email"], "password": PASSWORD}
    for _ in range(3):
        assert post("/auth/register", body, f"{inside}.1").status == 409
    assert 55 <= waits(post("/auth/register", body, f"{inside}.1")) <= 60
    for _ in range(2):
        assert post("/auth/register", body, f"{inside}.2").status == 409
    waits(post("/auth/register", body, f"{inside}.3"))
    assert sign_in(body["email"], address=f"{inside}.1").status == 401, "other doors stay open"
    clock.move(60)
    assert post("/auth/register", body, f"{inside}.1").status == 409


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/auth/refresh", {"refresh_token": "x"}),
        ("/auth/password/forgot", {"email": "nobody@shop.example"}),
        ("/auth/password/reset", {"token": "x", "new_password": "correct horse battery 42"}),
        ("/auth/email/verify", {"token": "x"}),
    ],
)
def test_so_is_what_costs_something(limited: Callable[..., None], path: str, body: dict[str, Any]) -> None:
    limited(ADDRESS_REQUESTS="2 per minute")
    address = somewhere()
    for _ in range(20 if path == "/auth/refresh" else 2):
        assert post(path, body, address).status != 429
    waits(post(path, body, address))


def test_each_kind_is_counted_by_itself(limited: Callable[..., None]) -> None:
    limited(ADDRESS_REQUESTS="2 per minute")
    client = Client(None, somewhere())
    for kind in KINDS:
        for _ in range(2 * MULTIPLES.get(kind, 1)):
            limits.count_request(kind, client)
    for kind in KINDS:
        with pytest.raises(limits.TooManyTries):
            limits.count_request(kind, client)


def test_it_counts_without_redis_too(limited: Callable[..., None], wired: Any) -> None:
    wire = wired("REDIS_URL")
    limited(ADDRESS_WRONG_PASSWORDS="3 per hour", ADDRESS_REQUESTS="3 per hour")
    wire.cut()
    client = Client(None, somewhere())
    spray(client.address, 3)
    waits(sign_in(f"{uuid4().hex}@shop.example", address=client.address))
    for _ in range(3):
        limits.count_request("register", client)
    with pytest.raises(limits.TooManyTries):
        limits.count_request("register", client)


def test_a_refusal_is_told_once(limited: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    limited(ADDRESS_WRONG_PASSWORDS="2 per hour")
    address = somewhere()
    spray(address, 2)
    for _ in range(5):
        waits(sign_in(f"{uuid4().hex}@shop.example", address=address))
    told = [record for record in caplog.records if record.getMessage() == "security event: too many tries"]
    assert [(record.bucket, record.what) for record in told] == [(f"address {address}/32", "wrong passwords")]  # type: ignore[attr-defined]


def test_a_burst_meets_no_limit_on_the_local_stack() -> None:
    """The stack's own settings: a hundred requests of each kind, and a hundred wrong passwords, from one address."""
    client = Client(None, somewhere())
    limits.forget_limits()
    for _ in range(100):
        for kind in KINDS:
            limits.count_request(kind, client)
        limits.attempt(uuid4().hex, client=client).failed()


def mails_asked_for(sql: Any) -> int:
    question = "SELECT count(*) FROM events.outbox WHERE type = 'auth.mail.requested'"
    return int(sql.execute(question).fetchone()[0])


@pytest.mark.parametrize("known", [True, False])
def test_a_letter_box_is_not_flooded(limited: Callable[..., None], clock: Clock, sql: Any, known: bool) -> None:
    limited(ACCOUNT_MAILS="3 per hour")
    email = account(somewhere())["email"] if known else f"{uuid4().hex}@shop.example"
    before = mails_asked_for(sql)
    answers = [post("/auth/password/forgot", {"email": email.upper()}, somewhere()) for _ in range(6)]
    assert {(answer.status, answer.content) for answer in answers} == {(202, answers[0].content)}
    assert mails_asked_for(sql) - before == 3
    clock.move(3600)
    assert post("/auth/password/forgot", {"email": email}, somewhere()).status == 202
    assert mails_asked_for(sql) - before == 4


def test_mails_without_a_token_use_up_none_that_have_one(
    limited: Callable[..., None], monkeypatch: pytest.MonkeyPatch, sql: Any
) -> None:
    """By the limit that a deployment has where it sets none."""
    limited()
    monkeypatch.delenv("ACCOUNT_MAILS")
    settings.cache_clear()
    email, before = account(somewhere())["email"], mails_asked_for(sql)
    for _ in range(10):
        assert post("/auth/register", {"email": email, "password": PASSWORD}, somewhere()).status == 409
    assert mails_asked_for(sql) - before == 5
    for _ in range(10):
        assert post("/auth/password/forgot", {"email": email}, somewhere()).status == 202
    question = "SELECT count(*) FROM events.outbox WHERE state ->> 'kind' = 'reset' AND aggregate_id ="
    rows = sql.execute(f"{question} (SELECT id FROM auth.users WHERE email = %s)", [email]).fetchone()
    assert rows == (5,)


def test_registering_has_a_limit_of_its_own_beside(
    limited: Callable[..., None], monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.delenv("ADDRESS_REGISTRATIONS", raising=False)
    limited()
    inside = network()
    client, neighbour = Client(None, f"{inside}.1"), Client(None, f"{inside}.2")
    for _ in range(20):
        limits.count_request("register", client)
    with pytest.raises(limits.TooManyTries) as caught:
        limits.count_request("register", client)
    assert 3590 < caught.value.parameters["retry_after"] <= 3600
    limits.count_request("register", neighbour)
    for kind in KINDS[1:]:
        for _ in range(30):
            limits.count_request(kind, client)
    clock.move(3600)
    limits.count_request("register", client)


def test_asking_again_for_the_verifying_mail_is_limited(limited: Callable[..., None], sql: Any) -> None:
    limited(ACCOUNT_MAILS="2 per hour")
    body = {"email": f"{uuid4().hex}@shop.example", "password": PASSWORD}
    token = good(post("/auth/register", body, somewhere()), 201)["access_token"]
    before = mails_asked_for(sql)
    for _ in range(5):
        assert call("POST", "/auth/email/verification", token=token).status == 202
    assert mails_asked_for(sql) - before == 2
