"""The worker that tells how the events are: what waits in the outbox, in the queues, and what is parked and why; and
that puts parked messages back. Invoked by hand (`make events`, `make replay`): no laptop reaches a private broker."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select

from eatit.database import Database
from eatit.errors import Unavailable
from eatit.events import QUEUES, queues_of
from eatit.observability import begin_trace, logger
from eatit.outbox import outbox
from eatit.parked import counts, look, replay

BROKER_SECONDS = 5.0
SPARE_SECONDS = 5.0
SHOWN = 20
MOST = 100_000

database = Database("operations", silent_seconds=32)
_waiting = (
    select(
        outbox.c.type,
        func.count().label("waiting"),
        func.extract("epoch", func.now() - func.min(outbox.c.occurred_at)).label("oldest_seconds"),
    )
    .where(outbox.c.published_at.is_(None))
    .group_by(outbox.c.type)
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`{}` or `{"action": "show", "limit"?: 20}` → `{"outbox", "queues", "parked"}`; `{"action": "replay", "queue",
    "limit"?: 100000}` → `{"queue", "replayed", "left"}`. Raises `ValueError` for another event.

    `outbox`: `{"waiting", "oldest_seconds"}`; null while the database is away. `queues`: for each `{"queue", "ready",
    "consumers", "parked", "waiting", "oldest_seconds"}`, the last two of its rows in the outbox; null while the broker
    is away, and numbers null for a queue that isn't declared. `parked`: `{"queue", "messages": [...] or null}`, `limit`
    messages of each queue at most; null where the broker wouldn't have them looked at.
    """
    begin_trace(None)
    action, given = event.get("action", "show"), set(event) - {"action"}
    if action == "show" and given <= {"limit"}:
        return _shown(_limit(event.get("limit", SHOWN)))
    if action == "replay" and {"queue"} <= given <= {"queue", "limit"} and event["queue"] in QUEUES:
        queue, limit = event["queue"], _limit(event.get("limit", MOST))
        done = replay(queue, limit=limit, within=context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS)
        logger.info("replayed", queue=queue, replayed=done.replayed, left=done.left)
        return {"queue": queue, **asdict(done)}
    raise ValueError(f'the event must be {{}} or {{"action": "replay", "queue": one of {", ".join(QUEUES)}}}')


def _limit(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST:
        raise ValueError(f"limit must be a whole number from 1 to {MOST}")
    return value


def _shown(limit: int) -> dict[str, Any]:
    rows = _or_none(lambda: database.read(_waiting).all())
    found = _or_none(lambda: counts(list(QUEUES), within=BROKER_SECONDS))
    queues = None if found is None else [_queue(name, found[name], rows) for name in QUEUES]
    parked = [
        {"queue": queue["queue"], "messages": _looked(queue["queue"], limit)}
        for queue in queues or ()
        if queue["parked"]
    ]
    return {"outbox": None if rows is None else _lag(rows), "queues": queues, "parked": parked}


def _queue(name: str, found: Any, rows: Any) -> dict[str, Any]:
    numbers = asdict(found) if found else {"ready": None, "consumers": None, "parked": None}
    lag = _lag([row for row in rows if name in queues_of(row.type)]) if rows is not None else {}
    return {"queue": name, **numbers, "waiting": lag.get("waiting"), "oldest_seconds": lag.get("oldest_seconds")}


def _lag(rows: Any) -> dict[str, Any]:
    oldest = max((float(row.oldest_seconds) for row in rows), default=None)
    return {"waiting": sum(row.waiting for row in rows), "oldest_seconds": oldest and round(oldest, 1)}


def _looked(queue: str, limit: int) -> list[dict[str, Any]] | None:
    looked = _or_none(lambda: look(queue, limit=limit, within=BROKER_SECONDS))
    return None if looked is None else [asdict(message) for message in looked[0]]


def _or_none(ask: Any) -> Any:
    """What is asked for, or `None` while whoever knows it is away: the rest is worth telling then above all."""
    try:
        return ask()
    except Unavailable as error:
        logger.warning("not told", what=error.parameters.get("what"))
        return None
