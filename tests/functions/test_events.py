"""What is parked, for admins and for whoever runs a deployment: /basket/events, EventsFunction, and the queues."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pika
import pytest

from basket.product_sync import handler as sync
from eatit.broker import PARKED_DELIVERY_LIMIT, declare_topology
from eatit.events import QUEUES
from eatit.identifiers import uuid7
from operations.events import handler
from tests.functions.calls import Answer, call, eventually, good
from tests.functions.events import Context, rmq_event
from tests.functions.mails import parking
from tests.functions.wire import Wire

QUEUE = "basket.product-sync"
REPLAY, PARKED = "/basket/events/replay", "/basket/events/parked"


@pytest.fixture
def nothing_parked(shop: dict[str, Any]) -> Iterator[Callable[[], dict[str, Any]]]:
    """Nothing is parked of the queue when the test begins and when it ended; takes what is in between."""
    with parking(shop, f"{QUEUE}.parked") as take:
        yield take
        take()


def park(*names: str) -> None:
    """Give the consumer bodies that it has to park."""
    assert sync(rmq_event(*(b"garbage" for _ in names), message_ids=list(names)), Context())["parked"] == len(names)


def listed(token: str, query: str = "") -> Any:
    return good(call("GET", f"{PARKED}?queue={QUEUE}{query}", token=token))


def test_an_admin_sees_what_is_parked_and_why(admin: str, nothing_parked: Any) -> None:
    park("one", "two")
    told = listed(admin, "&limit=1")
    assert (told["queue"], told["parked"]) == (QUEUE, 2)
    (item,) = told["items"]
    assert item["message_id"] == "one"
    assert item["reason"].startswith("not JSON")
    assert re.fullmatch(r"20[0-9-]{8}T[0-9:]{8}Z", item["parked_at"])
    assert (item["type"], item["bytes"], item["death"]) == ("store.product.changed", 7, None)
    assert call("GET", f"{PARKED}?queue={QUEUE}", token=admin).headers["cache-control"] == "no-store"


def faults(answer: Answer, code: str) -> list[tuple[str, str]]:
    assert (answer.status, answer.body["code"]) == (422, code), answer
    return [(fault["pointer"], fault["code"]) for fault in answer.body["errors"]]


@pytest.mark.parametrize("queue", ["none.such", "", f"{QUEUE}.parked", 7, None])
def test_another_queue_is_refused(queue: Any, admin: str) -> None:
    refused = call("POST", REPLAY, {"queue": queue}, token=admin)
    assert faults(refused, "invalid_body") == [("/queue", "not_one_of")]
    assert "auth.mail" in refused.body["errors"][0]["detail"]
    refused = call("GET", f"{PARKED}?queue={queue}", token=admin)
    assert faults(refused, "invalid_parameter") == [("/queue", "not_one_of")]


@pytest.mark.parametrize("limit", [0, 1001, "5", 1.5, True])
def test_another_limit_is_refused(limit: Any, admin: str) -> None:
    refused = call("POST", REPLAY, {"queue": QUEUE, "limit": limit}, token=admin)
    assert [pointer for pointer, _ in faults(refused, "invalid_body")] == ["/limit"]


def test_what_was_parked_wrongly_is_applied_after_a_replay(
    admin: str, staff: str, sql: Any, nothing_parked: Callable[[], Any], shop: dict[str, Any]
) -> None:
    from eatit.broker import event_message
    from eatit.consumer import Delivery
    from eatit.consumer import park as put_aside
    from eatit.events import read_event
    from eatit.publisher import Publisher
    from tests.functions.events import product_message

    product_id = uuid7()
    body = product_message(product_id, 4)
    message = event_message(read_event(body))
    delivery = Delivery(QUEUE, body, {"messageId": message.properties.message_id, "type": message.properties.type})
    put_aside(publisher := Publisher(), delivery, "a mistake of the version before")
    publisher.close()
    try:
        assert good(call("POST", REPLAY, {"queue": QUEUE}, token=admin)) == {"queue": QUEUE, "replayed": 1, "left": 0}

        def applied() -> None:
            assert sql.execute("SELECT version FROM basket.products WHERE id = %s", [product_id]).fetchone() == (4,)

        eventually(applied)
        assert nothing_parked() == {}
    finally:
        sql.execute("DELETE FROM basket.products WHERE id = %s", [product_id])
        sql.execute("DELETE FROM basket.stock WHERE product_id = %s", [product_id])


def test_a_key_gives_the_first_answer_again_and_lets_nothing_else_go(admin: str, nothing_parked: Any) -> None:
    park("one", "two", "three")
    key = {"Idempotency-Key": uuid4().hex}

    def sent(body: Any, headers: dict[str, str]) -> Answer:
        return call("POST", REPLAY, body, token=admin, headers=headers)

    first = sent({"queue": QUEUE, "limit": 2}, key)
    assert good(first)["replayed"] == 2

    def parked_again() -> None:
        assert listed(admin)["parked"] == 3

    eventually(parked_again)
    oldest = [item["message_id"] for item in listed(admin)["items"]]
    again = sent({"queue": QUEUE, "limit": 2}, key)
    assert (again.status, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert [item["message_id"] for item in listed(admin)["items"]] == oldest
    refused = sent({"queue": QUEUE}, key)
    assert (refused.status, refused.body["code"]) == (422, "idempotency_key_reused")
    assert good(sent({"queue": QUEUE, "limit": 1}, {"Idempotency-Key": uuid4().hex}))["replayed"] == 1


@pytest.mark.parametrize("how", ["cut", "hush"])
def test_a_broker_that_is_away_is_a_503_in_time(how: str, admin: str, wired: Callable[[str], Wire]) -> None:
    wire = wired("AMQP_URL")
    getattr(wire, how)()
    key = {"Idempotency-Key": uuid4().hex}
    for _ in range(2):
        for method, path, body in (("POST", REPLAY, {"queue": QUEUE}), ("GET", f"{PARKED}?queue={QUEUE}", None)):
            started = time.monotonic()
            answer = call(method, path, body, token=admin, headers=key if body else {})
            assert (answer.status, answer.body["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) >= 1
            assert time.monotonic() - started < 8
    wire.cut()
    wire.mend()
    # An error isn't kept: the same key may try again.
    assert good(call("POST", REPLAY, {"queue": QUEUE}, token=admin, headers=key))["queue"] == QUEUE


def waiting_row(sql: Any, kind: str, age: str) -> Any:
    row = uuid7()
    sql.execute(
        """INSERT INTO events.outbox (id, type, schema_version, aggregate_id, version, occurred_at, trace_id, state)
        VALUES (%s, %s, 1, %s, 1, now() - %s::interval, 'trace-7', '{}')""",
        [row, kind, row, age],
    )
    return row


def test_the_worker_tells_of_outbox_queues_and_parked_messages(sql: Any, nothing_parked: Any) -> None:
    park("one")
    # In the future of the relay, which would otherwise take them.
    rows = [waiting_row(sql, "tests.unheard", "-1 hour"), waiting_row(sql, "store.stock.changed", "-1 hour")]
    try:
        told = handler({}, Context())
    finally:
        sql.execute("DELETE FROM events.outbox WHERE id = ANY(%s)", [rows])
    assert told["outbox"]["waiting"] >= 2
    queues = {queue["queue"]: queue for queue in told["queues"]}
    assert list(queues) == list(QUEUES)
    mine = queues[QUEUE]
    assert (mine["consumers"], mine["parked"]) == (1, 1)
    assert mine["waiting"] >= 1
    assert mine["oldest_seconds"] is not None
    assert isinstance(mine["ready"], int)
    (parked,) = [each for each in told["parked"] if each["queue"] == QUEUE]
    assert [message["message_id"] for message in parked["messages"]] == ["one"]
    assert parked["messages"][0]["reason"].startswith("not JSON")


def test_the_worker_puts_back_what_is_parked(nothing_parked: Any) -> None:
    park("one", "two")
    told = handler({"action": "replay", "queue": QUEUE, "limit": 1}, Context())
    assert (told["queue"], told["replayed"]) == (QUEUE, 1)
    assert handler({"action": "replay", "queue": QUEUE}, Context())["replayed"] >= 1


@pytest.mark.parametrize(
    "event",
    [
        {"action": "drop"},
        {"action": "replay"},
        {"action": "replay", "queue": "none.such"},
        {"action": "replay", "queue": QUEUE, "limit": 0},
        {"limit": True},
        {"limit": 5, "more": 1},
    ],
)
def test_the_worker_refuses_what_it_doesnt_know(event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        handler(event, Context())


def test_the_worker_tells_the_rest_while_one_is_away(wired: Callable[[str], Wire]) -> None:
    wire = wired("AMQP_URL")
    wire.cut()
    told = handler({}, Context())
    assert told["outbox"] is not None
    assert (told["queues"], told["parked"]) == (None, [])
    wire.mend()
    wired("DATABASE_URL").cut()
    told = handler({}, Context())
    assert told["outbox"] is None
    assert {queue["waiting"] for queue in told["queues"]} == {None}
    assert {queue["consumers"] for queue in told["queues"]} == {1}


@pytest.fixture
def own_queues(shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, str, str]]:
    """A connection, and two queues that nobody has declared."""
    connection = pika.BlockingConnection(pika.URLParameters(shop["amqp_url"]))
    names = (f"tests.{uuid4().hex}", f"tests.{uuid4().hex}")
    monkeypatch.setattr("eatit.broker.QUEUES", dict.fromkeys(names, ("tests.none.*",)))
    yield connection, *names
    channel = connection.channel()
    for name in names:
        channel.queue_delete(name)
        channel.queue_delete(f"{name}.parked")
    connection.close()


def test_where_messages_were_parked_before_they_still_are(own_queues: tuple[Any, str, str]) -> None:
    connection, old, new = own_queues
    channel = connection.channel()
    channel.queue_declare(f"{old}.parked", durable=True, arguments={"x-queue-type": "quorum"})
    channel.confirm_delivery()
    channel.basic_publish("", f"{old}.parked", b"kept", mandatory=True)
    for _ in range(2):
        assert declare_topology(connection) == [old, new]
    assert channel.queue_declare(f"{old}.parked", passive=True).method.message_count == 1
    limited = {"x-queue-type": "quorum", "x-delivery-limit": PARKED_DELIVERY_LIMIT}
    channel.queue_declare(f"{new}.parked", durable=True, arguments=limited)  # refused, were it another
