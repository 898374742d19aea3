"""What one may do with one's own sessions: list them, end one, end all."""

from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select

from auth import audit
from auth.clients import Client
from auth.sessions import REFRESH_LIFE
from auth.sessions import end_all as end_sessions
from auth.sessions import end_one as end_session
from auth.tables import sessions
from eatit.database import Database, Transaction
from eatit.errors import NotFound
from eatit.paging import make_cursor, page_of, read_cursor
from eatit.revocation import mark_sessions
from eatit.security import Caller

_live = (
    select(
        sessions.c.id,
        sessions.c.device,
        sessions.c.address,
        sessions.c.second_factor_at.is_not(None).label("second_factor"),
        (sessions.c.id == bindparam("current")).label("current"),
        sessions.c.created_at,
        sessions.c.last_seen_at,
    )
    .where(
        sessions.c.user_id == bindparam("user"),
        sessions.c.revoked_at.is_(None),
        sessions.c.last_seen_at > func.now() - REFRESH_LIFE,
    )
    .order_by(sessions.c.id.desc())
)
_live_after = _live.where(sessions.c.id < bindparam("after"))


def listed(
    database: Database, caller: Caller, *, limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of the caller's live sessions, the newest first, and the next page's cursor.

    Raises `DomainError` (`invalid_cursor`).
    """
    whose = {"user": caller.user_id}
    given = {**whose, "current": caller.session_id}
    statement = _live
    if cursor:
        (given["after"],) = read_cursor(cursor, "-id", whose, [UUID])
        statement = _live_after
    rows, more = page_of(database.read(statement.limit(limit + 1), given).mappings().all(), limit)
    return [dict(row) for row in rows], make_cursor("-id", whose, [rows[-1]["id"]]) if more else None


def end_one(database: Database, caller: Caller, session_id: UUID, client: Client) -> None:
    """End one of the caller's sessions. Raises `NotFound` for one that isn't live, or another's."""

    def work(transaction: Transaction) -> list[UUID]:
        ended = end_session(transaction, caller.user_id, session_id, "ended_by_user")
        if not ended:
            raise NotFound
        audit.record(transaction, "session_ended", client=client, user_id=caller.user_id, session_id=session_id)
        return ended

    mark_sessions(database.transaction(work))


def end_all(database: Database, caller: Caller, client: Client) -> None:
    """End all of the caller's sessions."""

    def work(transaction: Transaction) -> list[UUID]:
        ended = end_sessions(transaction, caller.user_id, "ended_by_user")
        audit.record(transaction, "sessions_ended", client=client, user_id=caller.user_id)
        return ended

    mark_sessions(database.transaction(work))
