"""The relay: publishes what the writers themselves could not, oldest first, in windows of confirms."""

import time
from typing import Any

from sqlalchemy import func, select, text

from eatit.broker import event_message
from eatit.database import Database, Transaction
from eatit.observability import begin_trace, logger
from eatit.outbox import MARK_PUBLISHED, event_of, outbox
from eatit.publisher import WINDOW, Publisher

OLDER_THAN = "2 seconds"  # younger ones are being published by their writer just now
BATCH = 5 * WINDOW
PUBLISH_SECONDS = 4.0  # within the five that a transaction may stand idle
SPARE_MILLISECONDS = 15_000

database = Database("operations", silent_seconds=32)
_publisher = Publisher()
_waiting = (
    select(outbox)
    .where(outbox.c.published_at.is_(None), outbox.c.occurred_at < func.now() - text(f"interval '{OLDER_THAN}'"))
    .order_by(outbox.c.id)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Publish all that waits, or as much as the time allows → `{"published": n, "left": n}`; `left` counts those
    that the broker didn't confirm. Two at once share the work."""
    begin_trace(None)
    published = left = 0
    while context.get_remaining_time_in_millis() > SPARE_MILLISECONDS:
        started = time.monotonic()
        sent, failed = database.transaction(_relay_batch)
        published, left = published + sent, left + failed
        if failed or sent < BATCH:
            break
        logger.info("relayed", published=sent, seconds=round(time.monotonic() - started, 3))
    if published or left:
        logger.info("relay done", published=published, left=left)
    return {"published": published, "left": left}


def _relay_batch(transaction: Transaction) -> tuple[int, int]:
    rows = transaction.execute(_waiting).all()
    if not rows:
        return 0, 0
    events = [event_of(row) for row in rows]
    confirmed = _publisher.publish([event_message(event) for event in events], within=PUBLISH_SECONDS)
    ids = [event.id for event, sure in zip(events, confirmed, strict=True) if sure]
    if ids:
        transaction.rows(MARK_PUBLISHED, {"ids": ids})
    return len(ids), len(events) - len(ids)
