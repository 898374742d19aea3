"""When EventBridge's schedules are due, and what events the triggers make."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from pika.spec import BasicProperties

from localstack import triggers
from localstack.rmq_event import Message, batch, scheduled
from localstack.schedule_expression import next_due
from localstack.template import Queue, Schedule, queues, read, schedules

# A Saturday.
NOW = datetime(2026, 11, 21, 18, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("rate(1 minute)", "2026-11-21T18:31:15"),
        ("rate(12 hours)", "2026-11-22T06:30:15"),
        ("cron(0 3 * * ? *)", "2026-11-22T03:00:00"),
        ("cron(45 18 * * ? *)", "2026-11-21T18:45:00"),
        ("cron(30 18 * * ? *)", "2026-11-22T18:30:00"),
        ("cron(0/20 * * * ? *)", "2026-11-21T18:40:00"),
        ("cron(0 9 ? * MON-FRI *)", "2026-11-23T09:00:00"),
        ("cron(0 9 ? * 1 *)", "2026-11-22T09:00:00"),
        ("cron(0 0 1 JAN,JUL ? *)", "2027-01-01T00:00:00"),
        ("cron(0 0 29 2 ? *)", "2028-02-29T00:00:00"),
    ],
)
def test_next_due(expression: str, due: str) -> None:
    assert next_due(expression, NOW) == datetime.fromisoformat(due).replace(tzinfo=UTC)


@pytest.mark.parametrize("expression", ["", "rate(x minutes)", "cron(0 3 * *)", "cron(61 3 * * ? *)", "at(2026-11-21)"])
def test_unreadable_schedule_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        next_due(expression, NOW)


def test_never_due_is_refused() -> None:
    with pytest.raises(ValueError, match="never due"):
        next_due("cron(0 0 31 2 ? *)", NOW)


def test_headers_are_bytes_and_numbers_stay() -> None:
    properties = BasicProperties(headers={"word": "я", "raw": b"\x01", "number": 7, "none": None, "deep": [{"a": "b"}]})
    event = batch("q", "/", [Message(1, True, properties, b"x")])
    (message,) = event["rmqMessagesByQueue"]["q::/"]
    assert message["basicProperties"]["headers"] == {
        "word": {"bytes": [209, 143]},
        "raw": {"bytes": [1]},
        "number": 7,
        "none": None,
        "deep": [{"a": {"bytes": [98]}}],
    }
    assert message["redelivered"] is True
    assert message["data"] == "eA=="


def test_scheduled_event_is_eventbridges() -> None:
    event = scheduled("EveryHour", NOW)
    assert event["detail-type"] == "Scheduled Event"
    assert event["time"] == "2026-11-21T18:30:15Z"


def test_template_tells_its_queues_and_schedules() -> None:
    assert queues(read()) == [
        Queue("BasketSyncFunction", "basket.product-sync", "/", 50),
        Queue("MailFunction", "auth.mail", "/", 10),
        Queue("ImportFunction", "store.imports", "/", 1),
    ]
    assert {(each.function, each.expression, each.given) for each in schedules(read())} == {
        ("OutboxRelayFunction", "rate(1 minute)", None),
        ("OrderExpiryFunction", "rate(1 minute)", None),
        ("UpkeepFunction", "rate(1 hour)", None),
        ("KeyRotationFunction", "rate(30 days)", '{"action": "rotate"}'),
    }


def test_a_schedules_input_is_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """As EventBridge does it: the target's constant input, and nothing of its own event around it."""
    asked: list[tuple[str, Any]] = []
    lines: list[str] = []
    called = threading.Event()

    def call(function: str, event: Any) -> None:
        asked.append((function, event))
        called.set()

    monkeypatch.setattr(triggers, "next_due", lambda expression, now: now)
    for given in ('{"action": "rotate"}', None):
        called.clear()
        schedule = Schedule("KeyRotationFunction", "EveryMonth", "rate(30 days)", given)
        trigger = triggers.ScheduleTrigger(schedule, call, lambda message, **_: lines.append(message))
        trigger.start()
        assert called.wait(10)
        trigger.end()
        trigger.join(10)
        function, event = asked.pop()
        asked.clear()
        assert function == "KeyRotationFunction"
        if given is None:
            assert event["detail-type"] == "Scheduled Event"
        else:
            assert event == {"action": "rotate"}
