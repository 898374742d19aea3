"""OrderExpiryFunction: cancels orders that weren't paid online in time, which gives their stock back."""

from typing import Any

from basket.orders import expire_one
from eatit.database import Database
from eatit.observability import begin_trace, logger
from eatit.outbox import publish_at_once

SPARE_MILLISECONDS = 15_000

database = Database("basket", after_commit=publish_at_once)


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Cancel all that are due, each in a transaction of its own, or as many as the time allows → `{"expired": n}`.

    Orders of cash never expire. Two at once share the work.
    """
    begin_trace(None)
    expired = 0
    while context.get_remaining_time_in_millis() > SPARE_MILLISECONDS and database.transaction(expire_one):
        expired += 1
    if expired:
        logger.info("orders expired", expired=expired)
    return {"expired": expired}
