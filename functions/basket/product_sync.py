"""BasketSyncFunction: takes products' and stock's changes from RabbitMQ into the basket's own copy.

Messages may come twice, late and out of order. One that can never be understood is parked with its reason, so that
the rest of its batch goes on; a fault that will pass is waited out here until near the function's end, then raised,
which gives the whole batch back to the queue.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from basket.product_copies import rows_of, stock_row, store_rows
from basket.tables import inbox
from eatit.consumer import Delivery, deliveries, park
from eatit.database import Database, Transaction
from eatit.errors import Unavailable
from eatit.events import STOCK_CHANGED, Event, UnreadableEvent, quoted, read_event
from eatit.observability import MetricUnit, begin_trace, logger, metrics
from eatit.publisher import Publisher

SPARE_MILLISECONDS = 5_000
LONGEST_PAUSE = 2.0

database = Database("basket")
_publisher = Publisher()
_UNSTORABLE = (psycopg.DataError, psycopg.IntegrityError)
_received = insert(inbox).values(event_id=bindparam("event")).on_conflict_do_nothing().returning(inbox.c.event_id)


@dataclass(frozen=True, slots=True)
class Understood:
    """A message, and the copies' rows that its state makes."""

    delivery: Delivery
    event: Event
    product: dict[str, Any] | None
    its_stock: dict[str, Any] | None


Refused = tuple[Delivery, str]


@metrics.log_metrics(raise_on_empty_metrics=False)
def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """An `aws:rmq` event → `{"applied": n, "repeated": n, "parked": n}`. Raises when the batch must come again.

    https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html
    """
    understood: list[Understood] = []
    refused: list[Refused] = []
    for delivery in deliveries(event):
        try:
            understood.append(_understood(delivery))
        except UnreadableEvent as error:
            refused.append((delivery, error.reason))
    begin_trace(understood[0].event.trace_id if len(understood) == 1 else None)
    fresh, unstorable = _applied(understood, context)
    refused += unstorable
    # Last: a batch that comes again because the database is away would park its poison each time.
    for delivery, reason in refused:
        park(_publisher, delivery, reason)
    metrics.add_metric(name="Synced", unit=MetricUnit.Count, value=fresh)
    repeated = len(understood) - len(unstorable) - fresh
    counts = {"applied": fresh, "repeated": repeated, "parked": len(refused)}
    traces = sorted({each.event.trace_id for each in understood})[:20]
    logger.info("product sync", extra={**counts, "traces": traces})
    return counts


def _understood(delivery: Delivery) -> Understood:
    """The event with its rows: whatever could go wrong with them goes wrong here."""
    event = read_event(delivery.body)
    if event.version < 1 or event.version >= 2**63:
        raise UnreadableEvent(f"version {event.version} is out of range")
    return Understood(delivery, event, *_rows(event))


def _rows(event: Event) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    if event.type == STOCK_CHANGED:
        row = stock_row(event.state, event.version)
        if row["product_id"] != event.aggregate_id:
            raise UnreadableEvent("the state is another aggregate's")
        return None, row
    if not event.type.startswith("store.product."):
        raise UnreadableEvent(f"type {quoted(event.type)} isn't for this queue")
    product, its_stock = rows_of(event.state)
    if product["id"] != event.aggregate_id or product["version"] != event.version:
        raise UnreadableEvent("the state is another aggregate's, or another version's")
    return product, its_stock


def _applied(understood: Sequence[Understood], context: Any) -> tuple[int, list[Refused]]:
    """Apply all in one transaction, or, where the database refuses a value in it, each in its own: how many were new,
    and which are refused for good."""
    if not understood:
        return 0, []
    try:
        return _patiently(understood, context), []
    except UnreadableEvent as error:
        if len(understood) == 1:
            return 0, [(understood[0].delivery, error.reason)]
    fresh, refused = 0, []
    for each in understood:
        new, bad = _applied([each], context)
        fresh += new
        refused += bad
    return fresh, refused


def _patiently(understood: Sequence[Understood], context: Any) -> int:
    """Apply all, waiting out a database that is away, with growing pauses, as long as the time allows.

    Raises `UnreadableEvent` when a value can't be stored, which no waiting mends.
    """
    pause = 0.1
    while True:
        try:
            return database.transaction(lambda transaction: _apply(transaction, understood))
        except (Unavailable, DBAPIError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else None
            if isinstance(cause, _UNSTORABLE):
                raise UnreadableEvent(f"the database refuses it: {cause.diag.message_primary or cause}") from error
            if context.get_remaining_time_in_millis() < SPARE_MILLISECONDS + pause * 1000:
                raise
            logger.warning("waiting for the database", exc_info=True)
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


def _apply(transaction: Transaction, understood: Sequence[Understood]) -> int:
    """In one transaction, in one order for all, so that two batches can't lock each other out; how many were new."""
    fresh = 0
    for each in sorted(understood, key=lambda each: (each.event.aggregate_id, each.event.version)):
        if transaction.execute(_received, {"event": each.event.id}).one_or_none() is not None:
            store_rows(transaction, each.product, each.its_stock)
            fresh += 1
    return fresh
