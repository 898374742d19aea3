"""What a mail server refuses, for good or for now: parked or put off, and nobody else's mail waits for it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pika
import pytest

from auth.mail import handler
from tests.functions.calls import unique
from tests.functions.events import Context
from tests.functions.mails import Person, done, handled, listened, mail_event, mail_message, parking, scripted

NOW = datetime.now(UTC).isoformat()


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
