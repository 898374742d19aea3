"""Upkeep: sweeps what has served its time, in small bites so that nobody waits for a lock."""

from typing import Any

from sqlalchemy import text

from eatit.database import Database
from eatit.errors import Unavailable
from eatit.files import Files
from eatit.observability import begin_trace, logger

BITE = 5000
BITES = {"basket.baskets": 500}  # whose lines, 200 at most each, go with them
SPARE_MILLISECONDS = 10_000

FILES = 250  # at once; each has four objects, and storage removes a thousand in one request

database = Database("operations", silent_seconds=32)
files = Files()
# What is swept, by which key, and on which conditions, each by itself: kept answers after their 24 hours, the rest when
# nobody can ask for it again.
SWEEPS = {
    "store.idempotency": ("scope", "created_at < now() - interval '24 hours'"),
    "basket.idempotency": ("scope", "created_at < now() - interval '24 hours'"),
    "store.import_errors": ("id", "at < now() - interval '30 days'"),
    # Its file and all that it tells of are gone by then; one that nobody sent a file for goes sooner.
    "store.imports": (
        "id",
        "created_at < now() - interval '31 days' OR (status = 'waiting' AND created_at < now() - interval '1 day')",
    ),
    "store.exports": ("id", "created_at < now() - interval '7 days'"),
    # Guests', merged ones too, and users'. None was made after its last change, and by its making there are indexes.
    "basket.baskets": (
        "id",
        "user_id IS NULL AND created_at < now() - interval '30 days' AND updated_at < now() - interval '30 days'",
        "user_id IS NOT NULL AND created_at < now() - interval '365 days' AND updated_at < now() - interval '365 days'",
    ),
    "basket.inbox": ("event_id", "received_at < now() - interval '14 days'"),
    "events.outbox": ("id", "published_at < now() - interval '14 days'"),
    "auth.refresh_tokens": ("digest", "expires_at < now()"),
    # Their last refresh token is a month older than that; the audit keeps what was done in them.
    "auth.sessions": ("id", "last_seen_at < now() - interval '60 days'"),
    "auth.mail_tokens": ("digest", "expires_at < now() - interval '1 day'"),
    "auth.inbox": ("event_id", "received_at < now() - interval '14 days'"),
}

# An upload that nobody completed in a day is called off. What was called off, refused or deleted is removed an hour
# later: by then whoever may still have been at work on it has ended, and written all that it was going to write.
_call_off = text("""
    UPDATE store.photo_uploads SET state = 'removed', ended_at = now()
    WHERE state = 'waiting' AND created_at < now() - interval '1 day'
    AND (claimed_until IS NULL OR claimed_until < now())
""")
_removed = text("""
    SELECT id, key FROM store.photo_uploads
    WHERE state IN ('removed', 'refused') AND ended_at < now() - interval '1 hour' ORDER BY created_at LIMIT :most
""")
_forget = text("DELETE FROM store.photo_uploads WHERE id = ANY(:ids) AND state IN ('removed', 'refused')")


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Sweep → how many rows went, by table."""
    begin_trace(None)
    swept: dict[str, int] = {}
    for table, (key, *conditions) in SWEEPS.items():
        swept[table] = sum(_sweep(table, key, condition, context) for condition in conditions)
    swept["store.photo_uploads"] = _sweep_photos(context)
    logger.info("swept", extra={"swept": swept})
    return swept


def _sweep(table: str, key: str, condition: str, context: Any) -> int:
    """Sweep one table by one condition, a bite at a time. What was touched while a bite waited for it stays: the
    condition is asked again of the row as it then is."""
    bite = BITES.get(table, BITE)
    chosen = f"SELECT {key} FROM {table} WHERE {condition} LIMIT {bite}"  # noqa: S608
    statement = text(f"DELETE FROM {table} WHERE {key} = ANY(ARRAY({chosen})) AND ({condition})")  # noqa: S608
    swept = 0
    while context.get_remaining_time_in_millis() > SPARE_MILLISECONDS:
        gone = database.write(statement).rowcount
        swept += gone
        if gone < bite:
            break
    return swept


def _sweep_photos(context: Any) -> int:
    """Remove the objects of photos that don't stand, and then their rows; storage that is away is tried next time."""
    database.write(_call_off)
    gone = 0
    while context.get_remaining_time_in_millis() > SPARE_MILLISECONDS:
        rows = database.read(_removed, {"most": FILES}).all()
        if not rows:
            break
        sizes = ("small", "medium", "original")
        try:
            files.remove(
                [key for row in rows for key in (row.key, *(f"photos/{row.id}/{size}.webp" for size in sizes))]
            )
        except Unavailable:
            logger.warning("photos are left to be swept")
            break
        gone += database.write(_forget, {"ids": [row.id for row in rows]}).rowcount
    return gone
