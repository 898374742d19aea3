"""A message that its consumer can't use is parked, shown to admins with its reason, and put back by them."""

from collections.abc import Iterator
from typing import Any

import pika
import pytest

from eatit.identifiers import uuid7
from tests.functions.events import product_message
from tests.gateway.shop import Api, eventually, good, problem, unique

QUEUE = "basket.product-sync"
PARKED, REPLAY = f"/basket/events/parked?queue={QUEUE}&limit=100", "/basket/events/replay"


@pytest.fixture
def channel(stack: dict[str, Any]) -> Iterator[Any]:
    """A channel to the broker, past everything of ours."""
    connection = pika.BlockingConnection(pika.URLParameters(stack["amqp_url"]))
    channel = connection.channel()
    channel.confirm_delivery()
    yield channel
    connection.close()


def test_garbage_is_parked_and_a_replay_parks_it_again(api: Api, admin: str, channel: Any) -> None:
    name = unique("garbage")
    properties = pika.BasicProperties(message_id=name, type="store.product.changed", delivery_mode=2)
    channel.basic_publish("", QUEUE, b"\x00 garbage", properties, mandatory=True)

    def parked() -> None:
        found = [each for each in good(api.get(PARKED, token=admin))["items"] if each["message_id"] == name]
        assert [each["reason"][:8] for each in found] == ["not JSON"]

    eventually(parked)
    key = {"Idempotency-Key": unique("key")}
    answer = api.post(REPLAY, {"queue": QUEUE}, token=admin, headers=key)
    assert good(answer)["replayed"] >= 1
    again = api.post(REPLAY, {"queue": QUEUE}, token=admin, headers=key)
    assert (again.content, again.headers["Idempotency-Replayed"]) == (answer.content, "true")
    eventually(parked)


def test_a_good_message_that_was_parked_is_applied(api: Api, admin: str, channel: Any, sql: Any) -> None:
    product_id = uuid7()
    marks = {"x-parked-reason": "a mistake of the version before", "x-parked-at": "2026-11-21T18:00:00Z"}
    properties = pika.BasicProperties(message_id=str(uuid7()), delivery_mode=2, headers=marks)
    channel.basic_publish("", f"{QUEUE}.parked", product_message(product_id, 3), properties, mandatory=True)
    try:
        assert good(api.post(REPLAY, {"queue": QUEUE, "limit": 1000}, token=admin))["replayed"] >= 1

        def applied() -> None:
            assert sql.execute("SELECT version FROM basket.products WHERE id = %s", [product_id]).fetchone() == (3,)

        eventually(applied)
    finally:
        sql.execute("DELETE FROM basket.products WHERE id = %s", [product_id])
        sql.execute("DELETE FROM basket.stock WHERE product_id = %s", [product_id])


def test_a_queue_that_isnt_there_is_refused(api: Api, admin: str) -> None:
    problem(api.post(REPLAY, {"queue": "none.such"}, token=admin), 422, "invalid_body")
    problem(api.get("/basket/events/parked", token=admin), 422, "invalid_parameter")
