"""One turn of telling what lies in a warehouse that opened or closed, until the time is up or all of it was told.

The turn that is told of carries the place where it begins, so one that comes again tells some of it twice, which
consumers bear.
"""

import time
from uuid import UUID

from eatit.database import Transaction
from eatit.events import Event, UnreadableEvent
from store import stock
from store.database import database


def run(told: Event, *, until: float) -> None:
    """Do the turn until about `until` (`time.monotonic`). Raises `UnreadableEvent`, `Unavailable`."""
    try:
        after: UUID | None = UUID(told.state["after"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UnreadableEvent("state says no place to go on from") from None
    last = False
    while after is not None and not last:
        last = time.monotonic() >= until

        def work(transaction: Transaction, after: UUID = after, last: bool = last) -> UUID | None:
            return stock.announce_more(transaction, told.aggregate_id, told.version, after, last=last)

        after = database.transaction(work)
