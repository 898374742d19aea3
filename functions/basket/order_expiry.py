"""OrderExpiryFunction: cancels orders that weren't paid online in time, which gives their stock back."""

from functools import partial
from typing import Any
from uuid import UUID

from basket.orders import expire_one
from eatit.database import Database
from eatit.observability import begin_trace, logger
from eatit.outbox import publish_at_once

SPARE_MILLISECONDS = 15_000

database = Database("basket", after_commit=publish_at_once)


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Cancel all that are due, each in a transaction of its own, or as many as the time allows → `{"expired": n}`.

    Orders of cash never expire. Two at once share the work. One that can't be cancelled holds up no other: it is told
    of in the log, and raises `RuntimeError` at the end, so that the function's errors count it.
    """
    begin_trace(None)
    expired = 0
    failed: list[UUID] = []
    while context.get_remaining_time_in_millis() > SPARE_MILLISECONDS:
        at: list[UUID] = []
        try:
            if not database.transaction(partial(expire_one, passed_over=failed, at=at)):
                break
            expired += 1
        except Exception:
            # Before an order was found, all is wrong: the database is away. One that others hold is waited for in vain.
            if not at:
                raise
            logger.exception("an order can't expire", order_id=str(at[-1]))
            failed.append(at[-1])
    if expired:
        logger.info("orders expired", expired=expired)
    if failed:
        raise RuntimeError(f"{len(failed)} orders can't expire: see the log")
    return {"expired": expired}
