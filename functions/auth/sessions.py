"""Sessions: a family of refresh tokens that are rotated at each use, only their digests stored.

A token presented again within ten seconds of its rotation gives the same successor pair (two tabs, a lost answer);
later, somebody has stolen it or its successor, and the whole family ends.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update

from auth.accounts import USER_COLUMNS, User, user_of
from auth.keys import ACCESS_SECONDS, access_token, successor
from auth.tables import refresh_tokens, sessions, users
from eatit.database import Database, Transaction
from eatit.errors import Unauthenticated
from eatit.identifiers import uuid7
from eatit.observability import logger

REFRESH_DAYS = 30
GRACE = timedelta(seconds=10)

_new_session = insert(sessions)
_new_token = insert(refresh_tokens)
_presented = (
    select(
        refresh_tokens.c.rotated_at,
        refresh_tokens.c.expires_at,
        sessions.c.revoked_at,
        sessions.c.id.label("session_id"),
        users.c.disabled,
        *USER_COLUMNS,
        func.clock_timestamp().label("now"),
    )
    .join(sessions, sessions.c.id == refresh_tokens.c.session_id)
    .join(users, users.c.id == sessions.c.user_id)
    .where(refresh_tokens.c.digest == bindparam("digest"))
    .with_for_update(of=refresh_tokens)
)
_rotated = (
    update(refresh_tokens).where(refresh_tokens.c.digest == bindparam("presented")).values(rotated_at=bindparam("at"))
)
_seen = update(sessions).where(sessions.c.id == bindparam("session")).values(last_seen_at=func.now())
_revoke = (
    update(sessions)
    .where(sessions.c.id == bindparam("session"), sessions.c.revoked_at.is_(None))
    .values(revoked_at=func.now())
)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in user and their token pair; `expires_in` in seconds."""

    user: User
    access_token: str
    refresh_token: str
    expires_in: int = ACCESS_SECONDS


def digest_of(token: str) -> bytes:
    """What is stored of a refresh token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def begin(transaction: Transaction, user: User, *, device: str | None, address: str | None) -> Session:
    """Begin a session: a new family with its first refresh token."""
    session_id, token = uuid7(), secrets.token_urlsafe(32)
    transaction.execute(
        _new_session,
        {"id": session_id, "user_id": user["id"], "device": (device or "")[:300] or None, "address": address},
    )
    _store(transaction, token, session_id)
    return Session(user, access_token(user["id"], user["role"], session_id), token)


def refresh(database: Database, token: str) -> Session:
    """Rotate a refresh token.

    Raises `Unauthenticated`: `invalid_refresh_token` for an unknown, expired or revoked one, `refresh_token_reused`
    for one rotated more than ten seconds ago, whose whole family is then ended.
    """
    outcome = database.transaction(lambda transaction: _rotate(transaction, token))
    if isinstance(outcome, UUID):
        logger.warning("security event: a refresh token was used again; its session is ended", session_id=str(outcome))
        raise Unauthenticated("refresh_token_reused")
    return outcome


def _rotate(transaction: Transaction, token: str) -> Session | UUID:
    row = transaction.execute(_presented, {"digest": digest_of(token)}).one_or_none()
    if row is None or row.revoked_at is not None or row.disabled or row.expires_at <= row.now:
        raise Unauthenticated("invalid_refresh_token")
    rotated_at: datetime = row.rotated_at or row.now
    following = successor(token)
    if row.rotated_at is None:
        transaction.execute(_rotated, {"presented": digest_of(token), "at": rotated_at})
        _store(transaction, following, row.session_id)
        transaction.execute(_seen, {"session": row.session_id})
    elif row.now - rotated_at > GRACE:
        transaction.execute(_revoke, {"session": row.session_id})
        return cast(UUID, row.session_id)
    user = user_of(row)
    issued_at = int(rotated_at.timestamp())
    return Session(user, access_token(user["id"], user["role"], row.session_id, issued_at=issued_at), following)


def _store(transaction: Transaction, token: str, session_id: UUID) -> None:
    expires_at = datetime.now(UTC) + timedelta(days=REFRESH_DAYS)
    transaction.execute(_new_token, {"digest": digest_of(token), "session_id": session_id, "expires_at": expires_at})
