"""The basket's copy of products, fed by RabbitMQ: twice, late, out of order, and with rubbish among it."""

import base64
import json
import re
from collections.abc import Callable
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pika
import pytest

from basket.product_sync import handler
from eatit.identifiers import uuid7
from tests.functions.events import (
    Context,
    message,
    product_message,
    product_state,
    rmq_event,
    stock_message,
    stock_state,
)
from tests.functions.wire import Wire

PARKED = "basket.product-sync.parked"
# Python's own words, which say nothing to whoever looks at what is parked.
PYTHONS = re.compile(r"[A-Za-z]Error|NoneType|<class|isoformat|hexadecimal|subscript|Invalid|is not a (str|int|dict)")
no_metrics = pytest.mark.filterwarnings("ignore:No application metrics to publish")  # nor are there, when it raises


@pytest.fixture
def product_id(sql: Any) -> Any:
    """A product that only events know."""
    made = uuid7()
    yield made
    sql.execute("DELETE FROM basket.products WHERE id = %s", [made])
    sql.execute("DELETE FROM basket.stock WHERE product_id = %s", [made])


@pytest.fixture
def copy(sql: Any) -> Callable[[UUID], Any]:
    """The copy's version and price of a product, its stock's version and what is available."""

    def look(product_id: UUID) -> Any:
        return sql.execute(
            """SELECT p.version, p.price_amount, s.version, s.available::text
            FROM (VALUES (%s::uuid)) AS v (id)
            LEFT JOIN basket.products p USING (id) LEFT JOIN basket.stock s ON s.product_id = v.id""",
            [product_id],
        ).fetchone()

    return look


@pytest.fixture
def parked(shop: dict[str, Any]) -> Any:
    """Takes what is parked: by message id, the reason and the body."""
    connection = pika.BlockingConnection(pika.URLParameters(shop["amqp_url"]))
    channel = connection.channel()

    def take() -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            method, properties, body = channel.basic_get(PARKED, auto_ack=True)
            if method is None:
                return found
            found[properties.message_id] = (properties.headers, body)

    take()
    yield take
    connection.close()


def price(amount: int) -> dict[str, Any]:
    return {"price": {"amount": amount, "currency": "RUB"}}


def test_a_change_is_taken_over(product_id: UUID, copy: Callable[[UUID], Any]) -> None:
    counts = handler(rmq_event(product_message(product_id, 1)), Context())
    assert counts == {"applied": 1, "repeated": 0, "parked": 0}
    assert copy(product_id) == (1, 12990, 1, "3.000")


def test_the_same_message_again_changes_nothing(product_id: UUID, copy: Callable[[UUID], Any]) -> None:
    body = product_message(product_id, 1)
    assert handler(rmq_event(body, body), Context()) == {"applied": 1, "repeated": 1, "parked": 0}
    assert handler(rmq_event(body), Context()) == {"applied": 0, "repeated": 1, "parked": 0}
    assert copy(product_id) == (1, 12990, 1, "3.000")


def test_an_old_version_changes_nothing(product_id: UUID, copy: Callable[[UUID], Any]) -> None:
    handler(rmq_event(product_message(product_id, 5, **price(500))), Context())
    handler(rmq_event(product_message(product_id, 4, **price(400))), Context())
    assert copy(product_id)[:2] == (5, 500)
    handler(rmq_event(product_message(product_id, 6, **price(600))), Context())
    assert copy(product_id)[:2] == (6, 600)


@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
@pytest.mark.parametrize("batched", [True, False], ids=["one batch", "one by one"])
def test_any_order_ends_in_the_newest(
    product_id: UUID, copy: Callable[[UUID], Any], order: tuple[int, ...], batched: bool
) -> None:
    bodies = [product_message(product_id, version, **price(version * 100)) for version in order]
    for batch in [bodies] if batched else [[body] for body in bodies]:
        handler(rmq_event(*batch), Context())
    assert copy(product_id)[:2] == (3, 300)


def test_stock_has_a_version_of_its_own(product_id: UUID, copy: Callable[[UUID], Any]) -> None:
    handler(rmq_event(product_message(product_id, 7)), Context())
    handler(rmq_event(stock_message(product_id, 3, "9.500"), stock_message(product_id, 2, "8.000")), Context())
    assert copy(product_id) == (7, 12990, 3, "9.500")
    # A product's later change carries an older picture of the stock, and leaves the newer one.
    stale = stock_state(product_id, 2, "1.000")
    handler(rmq_event(product_message(product_id, 8, stock=stale)), Context())
    assert copy(product_id) == (8, 12990, 3, "9.500")


def test_stock_may_come_before_its_product(product_id: UUID, copy: Callable[[UUID], Any]) -> None:
    handler(rmq_event(stock_message(product_id, 4, "2.000")), Context())
    assert copy(product_id) == (None, None, 4, "2.000")
    handler(rmq_event(product_message(product_id, 1)), Context())
    assert copy(product_id) == (1, 12990, 4, "2.000")


def rubbish(product_id: UUID) -> dict[str, bytes]:
    other = uuid4()
    state = product_state(product_id, 1)

    def changed(**given: Any) -> bytes:
        return json.dumps({**json.loads(message(state, aggregate=product_id, version=1)), **given}).encode()

    return {
        "empty": b"",
        "not JSON": b"\x00\xff garbage",
        "not an object": b"[1, 2]",
        "NaN": b'{"id": NaN}',
        "no fields": b"{}",
        "no id": changed(id="x"),
        "a schema from the future": changed(schema_version=2),
        "a schema version that is no number": changed(schema_version="1"),
        "a version that is a text": changed(version="1"),
        "a version below one": changed(version=0),
        "a version over 63 bits": message(product_state(product_id, 2**63), aggregate=product_id, version=2**63),
        "a state that is a list": changed(state=[]),
        "an empty state": changed(state={}),
        "another aggregate's state": message(state, aggregate=other, version=1),
        "another version's state": message(state, aggregate=product_id, version=2),
        "another queue's type": changed(type="basket.order.placed"),
        "a price that is a text": product_message(product_id, 1, price={"amount": "1", "currency": "RUB"}),
        "a price beyond a column": product_message(product_id, 1, price={"amount": 2**63, "currency": "RUB"}),
        "a step of zero": product_message(product_id, 1, quantity_step="0.000"),
        "a quantity that is no number": product_message(product_id, 1, min_quantity="NaN"),
        "a name with NUL": product_message(product_id, 1, name="a\0b"),
        "a translation with NUL": product_message(product_id, 1, translations={"en": {"name": "a\0"}}),
        "a picture that is a number": product_message(product_id, 1, photos=[{"urls": {"small": 5}}]),
        "more places than a column": product_message(product_id, 1, max_quantity="999999999.9999"),
        "a stock's version over 63 bits": product_message(product_id, 1, stock=stock_state(product_id, 2**63)),
        "no stock": product_message(product_id, 1, stock=None),
        "a stock below zero": stock_message(product_id, 1, "-1"),
        "another aggregate's stock": message(
            stock_state(other, 1), aggregate=product_id, version=1, kind="store.stock.changed"
        ),
        "ten megabytes": product_message(product_id, 1, description="x" * 10_000_000),
    }


def test_rubbish_is_parked_with_its_reason_and_the_rest_goes_on(
    product_id: UUID, copy: Callable[[UUID], Any], parked: Callable[[], dict[str, Any]]
) -> None:
    spoilt = rubbish(product_id)
    bodies = [
        product_message(product_id, 1, **price(100)),
        *spoilt.values(),
        product_message(product_id, 3, **price(300)),
    ]
    ids = ["first", *spoilt, "last"]
    counts = handler(rmq_event(*bodies, message_ids=ids), Context())
    assert counts == {"applied": 2, "repeated": 0, "parked": len(spoilt)}
    assert copy(product_id)[:2] == (3, 300)
    found = parked()
    assert set(found) == set(spoilt)
    for what, (headers, body) in found.items():
        assert body == spoilt[what], what
        assert 1 <= len(headers["x-parked-reason"]) <= 500, what
        assert not PYTHONS.search(headers["x-parked-reason"]), headers["x-parked-reason"]
        assert re.fullmatch(r"20[0-9-]{8}T[0-9:]{8}Z", headers["x-parked-at"])
        assert (headers["schema_version"], headers["trace_id"]) == (1, "trace-1"), what
    assert "schema version 2" in found["a schema from the future"][0]["x-parked-reason"]


def test_a_body_that_isnt_base64_is_parked(parked: Callable[[], dict[str, Any]]) -> None:
    event = rmq_event(b"x", message_ids=["broken"])
    event["rmqMessagesByQueue"]["basket.product-sync::/"][0]["data"] = "!!!"
    assert handler(event, Context())["parked"] == 1
    assert set(parked()) == {"broken"}


def test_properties_may_be_missing(product_id: UUID, copy: Callable[[UUID], Any]) -> None:
    event = rmq_event(product_message(product_id, 1))
    event["rmqMessagesByQueue"]["basket.product-sync::/"][0]["basicProperties"] = None
    assert handler(event, Context())["applied"] == 1
    assert copy(product_id)[0] == 1


@no_metrics
def test_a_broker_that_cant_park_gives_the_batch_back(
    product_id: UUID, copy: Callable[[UUID], Any], wired: Callable[[str], Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eatit.consumer.PARK_SECONDS", 0.5)
    wired("AMQP_URL").cut()
    with pytest.raises(Exception, match="unavailable"):
        handler(rmq_event(b"rubbish", product_message(product_id, 1)), Context())


def test_a_database_that_is_away_is_waited_out(
    product_id: UUID, copy: Callable[[UUID], Any], wired: Callable[[str], Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = wired("DATABASE_URL")
    wire.cut()
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            wire.mend()

    monkeypatch.setattr("basket.product_sync.time.sleep", pause)
    assert handler(rmq_event(product_message(product_id, 1)), Context())["applied"] == 1
    assert len(pauses) >= 2
    assert copy(product_id)[0] == 1


@no_metrics
def test_a_database_that_stays_away_gives_the_batch_back_and_parks_nothing(
    product_id: UUID, wired: Callable[[str], Wire], parked: Callable[[], dict[str, Any]]
) -> None:
    wired("DATABASE_URL").cut()
    with pytest.raises(Exception, match="unavailable"):
        handler(rmq_event(product_message(product_id, 1)), Context(seconds=5.2))
    assert parked() == {}


def test_the_event_that_is_kept_as_a_file_is_of_this_shape() -> None:
    from tests.functions.test_rest_events import EVENTS

    for file in EVENTS.glob("rabbitmq_*.json"):
        kept = json.loads(file.read_text())
        made = rmq_event(b"x")
        assert set(kept) == set(made)
        deliveries = kept["rmqMessagesByQueue"]["basket.product-sync::/"]
        assert set(made["rmqMessagesByQueue"]["basket.product-sync::/"][0]) <= set(deliveries[0])
        assert base64.b64decode(deliveries[0]["data"], validate=True)
