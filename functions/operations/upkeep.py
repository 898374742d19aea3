"""Upkeep: sweeps what has served its time, in small bites so that nobody waits for a lock."""

from typing import Any

from sqlalchemy import text

from eatit.database import Database
from eatit.observability import begin_trace, logger

BITE = 5000
SPARE_MILLISECONDS = 10_000

database = Database("operations", silent_seconds=32)
# What is swept, by which key, and when: kept answers after their 24 hours, the rest when nobody can ask for it again.
SWEEPS = {
    "store.idempotency": ("scope", "created_at < now() - interval '24 hours'"),
    "basket.idempotency": ("scope", "created_at < now() - interval '24 hours'"),
    "basket.inbox": ("event_id", "received_at < now() - interval '14 days'"),
    "events.outbox": ("id", "published_at < now() - interval '14 days'"),
    "auth.refresh_tokens": ("digest", "expires_at < now()"),
    # Their last refresh token is a month older than that; the audit keeps what was done in them.
    "auth.sessions": ("id", "last_seen_at < now() - interval '60 days'"),
    "auth.mail_tokens": ("digest", "expires_at < now() - interval '1 day'"),
    "auth.inbox": ("event_id", "received_at < now() - interval '14 days'"),
}


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Sweep → how many rows went, by table."""
    begin_trace(None)
    swept: dict[str, int] = {}
    for table, (key, condition) in SWEEPS.items():
        statement = text(
            f"DELETE FROM {table} WHERE {key} = ANY(ARRAY(SELECT {key} FROM {table} WHERE {condition} LIMIT {BITE}))"  # noqa: S608
        )
        swept[table] = 0
        while context.get_remaining_time_in_millis() > SPARE_MILLISECONDS:
            gone = database.write(statement).rowcount
            swept[table] += gone
            if gone < BITE:
                break
    logger.info("swept", extra={"swept": swept})
    return swept
