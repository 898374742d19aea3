"""One code shown by ten at once is taken once; so is one confirmation, and a factor taken away while it is shown."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from auth import second_factor, totp
from auth.clients import Client
from eatit.database import Database
from eatit.errors import DomainError
from eatit.security import Caller, verify
from tests.functions.owners import CodeClock, Owner

MANY = 10
CLIENT = Client("tests", None)


@pytest.fixture
def owner(code_clock: CodeClock, sql: Any) -> Owner:
    return Owner(code_clock, sql)


def at_once(work: Callable[[Database], Any]) -> list[Any]:
    """What each of ten gives on a connection of its own, or the code of its error; all begin together."""
    ready = threading.Barrier(MANY)

    def run(_: int) -> Any:
        database = Database("auth")
        try:
            database.read(select(1))
            ready.wait(10)
            return work(database)
        except DomainError as error:
            return error.code
        finally:
            database.close()

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(run, range(MANY)))


def shown(owner: Owner, code: str) -> list[Any]:
    user_id = UUID(owner.id)
    return at_once(lambda database: database.transaction(lambda transaction: totp.accept(transaction, user_id, code)))


def test_a_code_shown_by_ten_at_once_passes_once(owner: Owner) -> None:
    assert sorted(map(str, shown(owner.enrol(), owner.code()))) == ["None"] * (MANY - 1) + ["totp"]


def test_a_recovery_code_shown_by_ten_at_once_passes_once(owner: Owner) -> None:
    owner.enrol()
    for code in owner.recovery_codes[:3]:
        assert sorted(map(str, shown(owner, code))) == ["None"] * (MANY - 1) + ["recovery"]


def test_what_was_taken_by_a_transaction_that_failed_is_not_taken(owner: Owner) -> None:
    owner.enrol()
    database = Database("auth")
    code = owner.code()

    def fail(transaction: Any) -> None:
        assert totp.accept(transaction, UUID(owner.id), code) == "totp"
        raise DomainError("conflict")

    try:
        with pytest.raises(DomainError):
            database.transaction(fail)
        assert database.transaction(lambda transaction: totp.accept(transaction, UUID(owner.id), code)) == "totp"
        assert database.transaction(lambda transaction: totp.accept(transaction, UUID(owner.id), code)) is None
    finally:
        database.close()


def test_nobody_has_no_code(owner: Owner) -> None:
    database = Database("auth")
    try:
        for user_id in (UUID(owner.id), UUID(int=7)):
            assert database.transaction(lambda transaction: totp.accept(transaction, user_id, "123456")) is None  # noqa: B023
    finally:
        database.close()


def test_ten_confirmations_at_once_give_one_set_of_recovery_codes(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticator = owner.begin()
    code, caller = authenticator.code(), verify(owner.token)
    unlimited(monkeypatch)
    outcomes = at_once(lambda database: second_factor.confirm(database, caller, code, CLIENT))
    confirmed = [outcome for outcome in outcomes if isinstance(outcome, second_factor.Confirmed)]
    assert [outcome for outcome in outcomes if outcome not in confirmed] == ["totp_not_started"] * (MANY - 1)
    owner.clock.forward()
    assert owner.login(confirmed[0].recovery_codes[9]).status == 200
    assert owner.mails().count("second_factor_changed") == 1


def test_taken_away_ten_times_at_once_it_is_told_once(owner: Owner) -> None:
    caller = verify(owner.enrol().token)
    at_once(
        lambda database: database.transaction(
            lambda transaction: second_factor.disable(transaction, caller, CLIENT, None)
        )
    )
    assert owner.row()[2] is None
    assert owner.audited().count("totp_disabled") == 1
    assert owner.mails().count("second_factor_changed") == 2  # once for enabling it


def test_sessions_that_enrol_against_each_other_leave_one(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten sessions confirm what one of them began: the first ends the others, which then hold nothing."""
    callers = [verify(owner.token), *(verify(owner.login().body["access_token"]) for _ in range(MANY - 1))]
    code = owner.begin().code()
    unlimited(monkeypatch)
    mine: list[Caller] = list(callers)
    outcomes = at_once(lambda database: second_factor.confirm(database, mine.pop(), code, CLIENT))
    assert sum(isinstance(outcome, second_factor.Confirmed) for outcome in outcomes) == 1
    live = owner.sql.execute(
        "SELECT second_factor_at FROM auth.sessions WHERE user_id = %s AND revoked_at IS NULL", [owner.id]
    ).fetchall()
    assert len(live) == 1
    assert live[0][0] is not None


def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is raced here isn't the limit."""

    class Unlimited:
        def failed(self) -> None: ...
        def succeeded(self) -> None: ...
        def released(self) -> None: ...

    monkeypatch.setattr(second_factor, "attempt", lambda *_, **__: Unlimited())
