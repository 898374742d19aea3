"""Messages whose values the database refuses: parked like any poison, once, while the rest of their batch goes on."""

from typing import Any

import pika
import pytest

from basket import product_sync
from eatit.errors import Unavailable
from eatit.identifiers import uuid7
from eatit.settings import settings
from tests.functions.events import Context, product_message, rmq_event, stock_state

PARKED = "basket.product-sync.parked"


def _parked(shop: dict[str, Any]) -> dict[str, Any]:
    """Takes what is parked: by message id, how often and why."""
    connection = pika.BlockingConnection(pika.URLParameters(shop["amqp_url"]))
    channel = connection.channel()
    found: dict[str, Any] = {}
    while True:
        method, properties, _ = channel.basic_get(PARKED, auto_ack=True)
        if method is None:
            break
        times, _why = found.get(properties.message_id, (0, ""))
        found[properties.message_id] = times + 1, properties.headers["x-parked-reason"]
    connection.close()
    return found


def _known(sql: Any, product_id: Any) -> bool:
    found = sql.execute("SELECT 1 FROM basket.products WHERE id = %s", [product_id]).fetchone() is not None
    sql.execute("DELETE FROM basket.products WHERE id = %s", [product_id])
    sql.execute("DELETE FROM basket.stock WHERE product_id = %s", [product_id])
    return found


@pytest.mark.parametrize(
    "given",
    [
        {"max_quantity": "999999999.9999"},  # rounded to three places it has a digit too many
        {"photos": [{"urls": {"small": {"not": "an address"}}}]},
        {"photos": [{"urls": {"small": "nul\0"}}]},
        {"translations": {"en": {"name": "nul\0"}}},
        {"translations": {"en": {"name": 7}}},
        {"stock": stock_state(uuid7(), 2**63)},
        {"stock": {**stock_state(uuid7(), 1), "version": None}},
    ],
)
def test_one_that_cannot_be_stored_holds_up_nobody(shop: dict[str, Any], sql: Any, given: dict[str, Any]) -> None:
    _parked(shop)
    bad, good, later = uuid7(), uuid7(), uuid7()
    bodies = [product_message(bad, 1, **given), product_message(good, 1), product_message(later, 1)]
    event = rmq_event(*bodies, message_ids=["bad", "good", "later"])

    assert product_sync.handler(event, Context()) == {"applied": 2, "repeated": 0, "parked": 1}

    assert [_known(sql, product) for product in (bad, good, later)] == [False, True, True]
    parked = _parked(shop)
    assert {name: times for name, (times, _why) in parked.items()} == {"bad": 1}
    assert parked["bad"][1]


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_a_batch_that_must_come_again_parks_nothing_yet(shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    _parked(shop)
    event = rmq_event(b"not JSON", product_message(uuid7(), 1), message_ids=["bad", "good"])
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/eatit")
    product_sync.database.close()
    settings.cache_clear()
    try:
        with pytest.raises(Unavailable):
            product_sync.handler(event, Context(seconds=5.2))
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert _parked(shop) == {}


def test_a_stock_larger_than_any_line_is_taken(sql: Any) -> None:
    plenty = uuid7()
    stock = stock_state(plenty, 3, "99999999999.999")
    event = rmq_event(product_message(plenty, 1, stock=stock))
    assert product_sync.handler(event, Context()) == {"applied": 1, "repeated": 0, "parked": 0}
    assert _known(sql, plenty)
