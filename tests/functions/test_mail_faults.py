"""MailFunction when things go wrong: killed in the middle, servers away, silent or refusing; nothing is lost."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pika
import pytest

from auth import mail, mail_tokens
from auth.mail import handler
from eatit.errors import MisconfiguredError, Unavailable
from eatit.settings import settings
from localstack.template import ROOT
from tests.functions.calls import unique
from tests.functions.events import Context
from tests.functions.mails import (
    Person,
    event_id,
    listened,
    mail_event,
    mail_message,
    mails_to,
    parking,
    scripted,
    token_in,
)
from tests.functions.wire import Wire

no_metrics = pytest.mark.filterwarnings("ignore:No application metrics to publish")  # nor are there, when it raises
NOW = datetime.now(UTC).isoformat()


class Killed(BaseException):
    """What no handler catches."""


def handled(*bodies: bytes, context: Context | None = None) -> dict[str, int]:
    found: dict[str, int] = handler(mail_event(*bodies), context or Context())
    return {name: count for name, count in found.items() if count}


def done(sql: Any, body: bytes) -> Any:
    row = sql.execute("SELECT done_at IS NOT NULL FROM auth.inbox WHERE event_id = %s", [event_id(body)]).fetchone()
    return row and row[0]


def holds(token: str, user_id: UUID) -> bool:
    return mail.database.transaction(lambda transaction: mail_tokens.use_verification(transaction, token)) == user_id


@pytest.fixture
def sending_to(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Mails go to the server at this URL until the test's end."""

    def send(url: str) -> None:
        monkeypatch.setenv("MAIL_URL", url)
        settings.cache_clear()

    yield send
    monkeypatch.undo()
    settings.cache_clear()


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


def test_tries_of_one_event_leave_few_tokens(
    person: Callable[..., Person], sql: Any, sending_to: Callable[[str], None]
) -> None:
    user_id, _ = person()
    body = mail_message(user_id, "reset")
    with scripted({"RCPT": "550 5.1.1 unknown"}) as server:
        sending_to(server.url)
        for _ in range(5):
            handled(body)
    assert sql.execute("SELECT count(*) FROM auth.mail_tokens WHERE user_id = %s", [user_id]).fetchone() == (2,)


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


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"RCPT": "550 5.1.1 <{address}> is unknown here"}, "the mail server refuses the recipient: 550 5.1.1"),
        ({"RCPT": "553 {address} isn't allowed"}, "the mail server refuses the recipient: 553"),
        ({"MAIL": "550 5.7.1 not from you"}, "the mail server refuses the sender: 550 5.7.1"),
        ({"DATA": "554 5.6.0 {address}"}, "the mail server refuses the message: 554 5.6.0"),
        ({".": "554 5.7.1 spam for {address}"}, "the mail server refuses the message: 554 5.7.1"),
    ],
)
def test_a_refusal_for_good_is_parked_with_its_reason_and_no_address(
    person: Callable[..., Person],
    sql: Any,
    sending_to: Callable[[str], None],
    parked_mail: Callable[[], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    answers: dict[str, str],
    reason: str,
) -> None:
    user_id, address = person()
    heard = listened(monkeypatch)
    body = mail_message(user_id, "reset")
    with scripted({verb: answer.format(address=address) for verb, answer in answers.items()}) as server:
        sending_to(server.url)
        assert handler(mail_event(body, message_ids=["refused"]), Context())["parked"] == 1
    ((headers, kept),) = parked_mail().values()
    assert (headers["x-parked-reason"], kept) == (reason, body)
    said = heard.getvalue() + "".join(capfd.readouterr())
    assert reason in said
    assert address not in said
    # Put back by somebody who has seen to it, it is tried anew.
    assert done(sql, body) is False
    with scripted() as server:
        sending_to(server.url)
        assert handled(body) == {"sent": 1}
        assert server.recipients == [f"<{address}>"]


def test_one_refusal_doesnt_hold_the_others_up(
    person: Callable[..., Person], sending_to: Callable[[str], None], parked_mail: Callable[[], dict[str, Any]]
) -> None:
    people = [person() for _ in range(3)]
    bodies = [mail_message(user_id, "reset") for user_id, _ in people]
    with scripted({people[1][1]: "550 5.1.1 unknown"}) as server:
        sending_to(server.url)
        assert handled(*bodies) == {"sent": 2, "parked": 1}
        assert server.recipients == [f"<{people[0][1]}>", f"<{people[2][1]}>"]
    assert len(parked_mail()) == 1


@pytest.mark.parametrize("kind", ["no SMTPUTF8", "no address"])
def test_an_address_that_cant_be_written_to_is_parked(
    person: Callable[..., Person],
    sending_to: Callable[[str], None],
    parked_mail: Callable[[], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    stored = {"no SMTPUTF8": f"анна-{unique()}@example.org", "no address": f"{unique()}@exa mple.org\r\nBcc: x@y.z"}
    user_id, address = person(email=stored[kind])
    heard = listened(monkeypatch)
    with scripted() as server:
        sending_to(server.url)
        assert handled(mail_message(user_id, "reset")) == {"parked": 1}
        assert server.taken == []
    ((headers, _),) = parked_mail().values()
    assert "address" in headers["x-parked-reason"]
    assert address not in headers["x-parked-reason"] + heard.getvalue()


@pytest.fixture
def own_queue(shop: dict[str, Any]) -> Iterator[str]:
    """A queue that nothing else reads, with its parking place."""
    name = f"tests.{unique()}"
    connection = pika.BlockingConnection(pika.URLParameters(shop["amqp_url"]))
    channel = connection.channel()
    for queue in (name, f"{name}.parked"):
        channel.queue_declare(queue)
    yield name
    for queue in (name, f"{name}.parked"):
        channel.queue_delete(queue)
    connection.close()


@pytest.mark.parametrize("answers", [{"RCPT": "450 4.2.0 greylisted"}, {".": "451 4.7.1 later"}])
def test_a_mail_that_is_put_off_lets_the_others_pass(
    shop: dict[str, Any],
    person: Callable[..., Person],
    sql: Any,
    sending_to: Callable[[str], None],
    own_queue: str,
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, str],
) -> None:
    monkeypatch.setattr("auth.mail.PATIENCE_SECONDS", 0.3)
    (slow_id, slow), (quick_id, quick) = person(), person()
    body = mail_message(slow_id, "reset", occurred_at=NOW)
    put_off = {(slow if verb == "RCPT" else verb): answer for verb, answer in answers.items()}
    bodies = [body, mail_message(quick_id, "reset")] if slow in put_off else [body]
    with scripted(put_off) as server, parking(shop, own_queue) as waiting:
        sending_to(server.url)
        event = mail_event(*bodies, queue=own_queue, message_ids=["slow", "quick"][: len(bodies)])
        counts = handler(event, Context())
        assert (counts["put_back"], counts["sent"]) == (1, len(bodies) - 1)
        assert server.recipients.count(f"<{quick}>") == len(bodies) - 1
        found = waiting()
    assert set(found) == {"slow"}
    headers, kept = found["slow"]
    assert kept == body
    assert headers == {"schema_version": 1, "trace_id": "trace-1"}
    assert done(sql, body) is False


def test_a_mail_that_is_put_off_for_a_day_is_parked(
    shop: dict[str, Any],
    person: Callable[..., Person],
    sending_to: Callable[[str], None],
    own_queue: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("auth.mail.PATIENCE_SECONDS", 0.0)
    user_id, _ = person()
    asked = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
    body = mail_message(user_id, "reset", occurred_at=asked)
    with scripted({"RCPT": "452 4.2.2 full"}) as server, parking(shop, f"{own_queue}.parked") as parked:
        sending_to(server.url)
        assert handler(mail_event(body, queue=own_queue), Context())["parked"] == 1
        ((headers, _),) = parked().values()
    assert headers["x-parked-reason"] == ("given up after a day: the mail server puts the recipient off: 452 4.2.2")


def test_how_a_server_says_goodbye_doesnt_matter(
    person: Callable[..., Person], sql: Any, sending_to: Callable[[str], None]
) -> None:
    body = mail_message(person()[0], "reset")
    with scripted({"QUIT": "500 what?"}) as server:
        sending_to(server.url)
        assert handled(body) == {"sent": 1}
        assert len(server.taken) == 1
    assert done(sql, body) is True


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
