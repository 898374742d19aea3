"""ImportFunction: does the turns of imports, exports and long tellings that the queue store.imports tells of.

A turn lasts half a minute at most, whatever the file's size, and ends by telling of the next. Everything done so far is
in the database with the place that it was done up to, so a message that comes again (its process was killed, a server
went away) goes on from there. What is wrong with a file ends its run with a reason; what no try will mend is parked.
"""

import time
from typing import Any
from uuid import UUID

from eatit.consumer import Delivery, deliveries, park
from eatit.errors import MisconfiguredError, Unavailable
from eatit.events import EXPORT_ADVANCED, IMPORT_ADVANCED, WAREHOUSE_TURNED, Event, UnreadableEvent, quoted, read_event
from eatit.identifiers import uuid7
from eatit.observability import MetricUnit, begin_trace, logger, metrics
from eatit.publisher import Publisher

TURN_SECONDS = 30.0
SPARE_MILLISECONDS = 20_000  # the slowest chunk, and telling of the next turn
_PASSING = (Unavailable, MisconfiguredError)

_publisher = Publisher()


@metrics.log_metrics(raise_on_empty_metrics=False)
def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """An `aws:rmq` event → `{"turns": n, "repeated": n, "parked": n}`. Raises when the batch must come again.

    https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html
    """
    counts = {"turns": 0, "repeated": 0, "parked": 0}
    refused: list[tuple[Delivery, str]] = []
    for delivery in deliveries(event):
        try:
            told = _understood(delivery)
            begin_trace(told.trace_id)
            if context.get_remaining_time_in_millis() < SPARE_MILLISECONDS:
                raise Unavailable(what="time")
            counts["turns" if _turn(told, context) else "repeated"] += 1
        except UnreadableEvent as error:
            refused.append((delivery, error.reason))
    for delivery, reason in refused:
        park(_publisher, delivery, reason)
        counts["parked"] += 1
    metrics.add_metric(name="ImportTurns", unit=MetricUnit.Count, value=counts["turns"])
    return counts


def _understood(delivery: Delivery) -> Event:
    told = read_event(delivery.body)
    if told.type not in (IMPORT_ADVANCED, EXPORT_ADVANCED, WAREHOUSE_TURNED):
        raise UnreadableEvent(f"type {quoted(told.type)} isn't for this queue")
    return told


def _turn(told: Event, context: Any) -> bool:
    """Do a turn; false: it was done already."""
    # Imported here: they bring the rules of the API's models, and a start that only parks needs none of it.
    from store import export_turn, import_turn, stock_turn

    until = time.monotonic() + min(TURN_SECONDS, context.get_remaining_time_in_millis() / 1000 - 15)
    if told.type == WAREHOUSE_TURNED:
        try:
            stock_turn.run(told, until=until)
        except (UnreadableEvent, *_PASSING):
            raise
        except Exception as error:
            # It would come again for ever, and no import behind it: parked, it can be given back once it is mended.
            logger.exception("telling of a warehouse failed", warehouse=str(told.aggregate_id))
            raise UnreadableEvent("telling of the warehouse failed, and the log says why") from error
        return True
    holder: UUID = uuid7()
    turn = import_turn if told.type == IMPORT_ADVANCED else export_turn
    try:
        return bool(turn.run(told.aggregate_id, told.version, holder, until=until))
    except turn.Overtaken:
        logger.info("overtaken", run=str(told.aggregate_id))
        return False
    except _PASSING:
        raise
    except Exception:
        # It would come again for ever: the run ends here, and the log says why.
        logger.exception("run failed", run=str(told.aggregate_id))
        turn.give_up(told.aggregate_id, holder)
        return True
