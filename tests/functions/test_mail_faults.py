"""MailFunction when things go wrong: killed in the middle, servers away or silent; nothing is lost."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from auth import mail, mail_tokens
from eatit.errors import MisconfiguredError, Unavailable
from eatit.settings import settings
from localstack.template import ROOT
from tests.functions.events import Context
from tests.functions.mails import Person, done, handled, mail_event, mail_message, mails_to, scripted, token_in
from tests.functions.wire import Wire

no_metrics = pytest.mark.filterwarnings("ignore:No application metrics to publish")  # nor are there, when it raises


class Killed(BaseException):
    """What no handler catches."""


def holds(token: str, user_id: UUID) -> bool:
    return mail.database.transaction(lambda transaction: mail_tokens.use_verification(transaction, token)) == user_id


@no_metrics
def test_killed_between_commit_and_sending_it_sends_another_mail(
    shop: dict[str, Any], person: Callable[..., Person], sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id, address = person()
    body = mail_message(user_id, "verify")

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("auth.mail._send", killed)
        with pytest.raises(Killed):
            handled(body)
    assert done(sql, body) is False
    assert mails_to(shop, address) == []
    assert handled(body) == {"sent": 1}
    assert done(sql, body) is True
    (found,) = mails_to(shop, address)
    assert holds(token_in(found), user_id)


ALONE = """
import json, sys
from auth.mail import handler
from tests.functions.events import Context
handler(json.load(sys.stdin), Context())
"""


def test_a_process_killed_while_it_sends_loses_nothing(
    shop: dict[str, Any], person: Callable[..., Person], sql: Any, wired: Callable[[str], Wire]
) -> None:
    user_id, address = person()
    body = mail_message(user_id, "verify")
    wire = wired("MAIL_URL")
    wire.hush()
    paths = os.pathsep.join(str(ROOT / part) for part in ("functions", "layers/eatit", "."))
    child = subprocess.Popen(
        [sys.executable, "-c", ALONE],
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert child.stdin
        child.stdin.write(json.dumps(mail_event(body)).encode())
        child.stdin.close()
        made = "SELECT count(*) FROM auth.mail_tokens WHERE user_id = %s"
        deadline = time.monotonic() + 30
        while sql.execute(made, [user_id]).fetchone() == (0,):
            assert child.poll() is None
            assert time.monotonic() < deadline
    finally:
        child.kill()
        child.wait()
    assert done(sql, body) is False
    assert mails_to(shop, address) == []
    wire.mend()
    assert handled(body) == {"sent": 1}
    (found,) = mails_to(shop, address)
    assert holds(token_in(found), user_id)


@no_metrics
def test_killed_between_sending_and_noting_it_both_mails_hold(
    shop: dict[str, Any], person: Callable[..., Person], sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id, address = person()
    body = mail_message(user_id, "verify")

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(mail.database, "write", killed)
        with pytest.raises(Killed):
            handled(body)
    assert handled(body) == {"sent": 1}
    first, second = (token_in(each) for each in mails_to(shop, address))
    assert first != second
    assert holds(first, user_id)
    assert holds(second, user_id)


def test_a_mail_server_that_is_away_is_waited_out(
    shop: dict[str, Any],
    person: Callable[..., Person],
    wired: Callable[[str], Wire],
    monkeypatch: pytest.MonkeyPatch,
    parked_mail: Callable[[], dict[str, Any]],
) -> None:
    user_id, address = person()
    wire = wired("MAIL_URL")
    wire.cut()
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            wire.mend()

    monkeypatch.setattr("auth.mail.time.sleep", pause)
    assert handled(mail_message(user_id, "reset")) == {"sent": 1}
    assert pauses == [0.1, 0.2, 0.4]
    assert len(mails_to(shop, address)) == 1
    assert parked_mail() == {}


@no_metrics
def test_a_mail_server_that_stays_away_gives_the_batch_back_and_parks_nothing(
    shop: dict[str, Any],
    person: Callable[..., Person],
    sql: Any,
    wired: Callable[[str], Wire],
    parked_mail: Callable[[], dict[str, Any]],
) -> None:
    bodies = [mail_message(person()[0], "reset") for _ in range(2)]
    wire = wired("MAIL_URL")
    wire.cut()
    with pytest.raises(Exception, match="can't be reached"):
        handled(b"rubbish", *bodies, context=Context(seconds=8.3))
    assert parked_mail() == {}
    assert [done(sql, body) for body in bodies] == [False, None]
    wire.mend()
    assert handled(*bodies) == {"sent": 2}


@no_metrics
def test_no_mail_is_begun_without_the_time_to_end_it(person: Callable[..., Person], sql: Any) -> None:
    body = mail_message(person()[0], "reset")
    with pytest.raises(Unavailable):
        handled(body, context=Context(seconds=7.9))
    assert done(sql, body) is None


@no_metrics
def test_a_mail_server_that_hangs_is_given_up_in_time(
    person: Callable[..., Person], wired: Callable[[str], Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth.transports.STEP_SECONDS", 0.2)
    user_id, _ = person()
    wired("MAIL_URL").hush()
    with pytest.raises(Exception, match="can't be reached"):
        handled(mail_message(user_id, "reset"), context=Context(seconds=8.2))


@no_metrics
@pytest.mark.parametrize("greeting", ["421 4.3.2 shutting down", "554 5.3.2 no service"])
def test_a_mail_server_that_wants_nobody_gives_the_batch_back(
    person: Callable[..., Person], sending_to: Callable[[str], None], greeting: str
) -> None:
    user_id, _ = person()
    with scripted(greeting=greeting) as server:
        sending_to(server.url)
        with pytest.raises(Exception, match="the mail server answers"):
            handled(mail_message(user_id, "reset"), context=Context(seconds=8.1))


def test_a_database_that_is_away_is_waited_out(
    shop: dict[str, Any],
    person: Callable[..., Person],
    wired: Callable[[str], Wire],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user_id, address = person()
    wire = wired("DATABASE_URL")
    wire.cut()
    monkeypatch.setattr("auth.mail.time.sleep", lambda seconds: wire.mend())
    assert handled(mail_message(user_id, "reset")) == {"sent": 1}
    assert len(mails_to(shop, address)) == 1


def test_a_database_that_goes_after_the_mail_was_sent_costs_no_second_mail(
    shop: dict[str, Any],
    person: Callable[..., Person],
    sql: Any,
    wired: Callable[[str], Wire],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user_id, address = person()
    wire = wired("DATABASE_URL")
    send = mail._send

    def then_cut(*arguments: Any) -> None:
        send(*arguments)
        wire.cut()

    monkeypatch.setattr("auth.mail._send", then_cut)
    monkeypatch.setattr("auth.mail.time.sleep", lambda seconds: wire.mend())
    body = mail_message(user_id, "reset")
    assert handled(body) == {"sent": 1}
    assert done(sql, body) is True
    assert len(mails_to(shop, address)) == 1


@no_metrics
@pytest.mark.parametrize("sender", ["", "nobody", "a@example.org, b@example.org"])
def test_without_a_sender_mails_wait(
    person: Callable[..., Person], sql: Any, monkeypatch: pytest.MonkeyPatch, sender: str
) -> None:
    body = mail_message(person()[0], "reset")
    with monkeypatch.context() as patch:
        patch.setenv("MAIL_FROM", sender)
        settings.cache_clear()
        with pytest.raises(MisconfiguredError, match="MAIL_FROM"):
            handled(body)
    settings.cache_clear()
    assert done(sql, body) is False
    assert handled(body) == {"sent": 1}


@no_metrics
def test_a_broker_that_cant_park_gives_the_batch_back(
    person: Callable[..., Person], wired: Callable[[str], Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eatit.consumer.PARK_SECONDS", 0.5)
    wired("AMQP_URL").cut()
    with pytest.raises(Exception, match="unavailable"):
        handled(b"rubbish", mail_message(person()[0], "reset"))
