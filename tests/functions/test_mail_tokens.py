"""Tokens of mails: once, for their kind, in their time, for the address they were sent to; raced too."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from auth import mail_tokens
from auth.database import database
from auth.mail_tokens import use_reset, use_verification
from eatit.database import Database
from eatit.errors import Unauthenticated
from eatit.identifiers import uuid7
from tests.functions.mails import Person

Use = Callable[..., UUID]
USES: dict[Any, tuple[Use, str]] = {
    "verify": (use_verification, "invalid_verification_token"),
    "reset": (use_reset, "invalid_reset_token"),
}


def token_for(person: Person, kind: mail_tokens.Kind, event: UUID | None = None) -> str:
    user_id, email = person
    return database.transaction(
        lambda transaction: mail_tokens.make(
            transaction, user_id=user_id, kind=kind, email=email, event_id=event or uuid7()
        )
    )


def used(kind: str, token: str, through: Database = database) -> UUID:
    return through.transaction(lambda transaction: USES[kind][0](transaction, token))


def refused(kind: str, token: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        used(kind, token)
    assert caught.value.code == USES[kind][1]


@pytest.mark.parametrize("kind", USES)
def test_a_token_holds_once(person: Callable[..., Person], kind: Any) -> None:
    somebody = person()
    token = token_for(somebody, kind)
    assert used(kind, token) == somebody[0]
    refused(kind, token)


@pytest.mark.parametrize("kind", USES)
def test_a_use_that_is_rolled_back_leaves_the_token(person: Callable[..., Person], kind: Any) -> None:
    somebody = person()
    token = token_for(somebody, kind)

    def broken(transaction: Any) -> None:
        USES[kind][0](transaction, token)
        raise RuntimeError("the password was too weak")

    with pytest.raises(RuntimeError):
        database.transaction(broken)
    assert used(kind, token) == somebody[0]


@pytest.mark.parametrize("kind", USES)
@pytest.mark.parametrize("rubbish", ["", "x", "\0", "\ud800", "a" * 100_000, "' OR 1=1 --", "токен"])
def test_what_was_never_a_token_is_refused(kind: Any, rubbish: str) -> None:
    refused(kind, rubbish)


def test_a_token_of_the_other_kind_is_refused_and_stays(person: Callable[..., Person]) -> None:
    somebody = person()
    verify, reset = token_for(somebody, "verify"), token_for(somebody, "reset")
    refused("reset", verify)
    refused("verify", reset)
    assert used("verify", verify) == used("reset", reset) == somebody[0]


@pytest.mark.parametrize(
    ("kind", "within", "beyond"), [("verify", "23:59:50", "24:00:01"), ("reset", "00:59:50", "01:00:01")]
)
def test_a_token_holds_for_its_time(
    person: Callable[..., Person], sql: Any, kind: Any, within: str, beyond: str
) -> None:
    for age, holds in ((within, True), (beyond, False)):
        somebody = person()
        token = token_for(somebody, kind)
        sql.execute(
            "UPDATE auth.mail_tokens SET expires_at = expires_at - %s::interval WHERE user_id = %s", [age, somebody[0]]
        )
        if holds:
            assert used(kind, token) == somebody[0]
        else:
            refused(kind, token)


@pytest.mark.parametrize("kind", USES)
@pytest.mark.parametrize("change", ["email = 'other-' || email", "email = NULL", "disabled = true"])
def test_a_token_goes_with_the_address_that_it_was_sent_to(
    person: Callable[..., Person], sql: Any, kind: Any, change: str
) -> None:
    somebody = person()
    token = token_for(somebody, kind)
    sql.execute(f"UPDATE auth.users SET {change} WHERE id = %s", [somebody[0]])
    refused(kind, token)


def test_a_used_reset_voids_the_users_others_and_nobody_elses(person: Callable[..., Person]) -> None:
    somebody, other = person(), person()
    first, second, theirs = token_for(somebody, "reset"), token_for(somebody, "reset"), token_for(other, "reset")
    verify = token_for(somebody, "verify")
    assert used("reset", second) == somebody[0]
    refused("reset", first)
    assert used("reset", theirs) == other[0]
    assert used("verify", verify) == somebody[0]


def test_resets_can_be_voided(person: Callable[..., Person]) -> None:
    somebody = person()
    token = token_for(somebody, "reset")
    database.transaction(lambda transaction: mail_tokens.void_resets(transaction, somebody[0]))
    refused("reset", token)


def test_of_one_event_the_last_two_tokens_hold(person: Callable[..., Person]) -> None:
    somebody, event = person(), uuid7()
    other = token_for(somebody, "verify")
    tokens = [token_for(somebody, "verify", event) for _ in range(4)]
    for token in tokens[:2]:
        refused("verify", token)
    for token in (*tokens[2:], other):
        assert used("verify", token) == somebody[0]


# Verifications hold each by itself, so that only of one and the same there is a race.
@pytest.mark.parametrize(("kind", "different"), [("verify", False), ("reset", False), ("reset", True)])
def test_of_twenty_at_once_one_wins(person: Callable[..., Person], kind: Any, different: bool) -> None:
    somebody = person()
    tokens = [token_for(somebody, kind) for _ in range(20)] if different else [token_for(somebody, kind)] * 20
    ready, results = threading.Barrier(20), list[object]()

    def use(token: str) -> None:
        own = Database("auth")
        try:
            ready.wait(timeout=30)
            results.append(used(kind, token, own))
        except Unauthenticated as error:
            results.append(error.code)
        except BaseException as error:
            results.append(repr(error))
        finally:
            own.close()

    threads = [threading.Thread(target=use, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert results.count(somebody[0]) == 1
    assert results.count(USES[kind][1]) == 19
