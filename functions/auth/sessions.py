"""Sessions: a family of refresh tokens that are rotated at each use, only their digests stored.

A token presented again within ten seconds of its rotation gives the same successor pair (two tabs, a lost answer);
later, somebody has stolen it or its successor, and the whole family ends.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import bindparam, func, select, update

from auth import audit
from auth.accounts import USER_COLUMNS, User, user_of
from auth.clients import Client
from auth.keys import ACCESS_SECONDS, access_token, successor
from auth.limits import count_request
from auth.mail_requests import request_mail
from auth.policy import second_factor_demanded
from auth.tables import refresh_tokens, sessions, users
from eatit.database import Database, Transaction, driver_form
from eatit.errors import Unauthenticated
from eatit.identifiers import uuid7
from eatit.observability import logger
from eatit.revocation import MARKED_SECONDS, mark_sessions

REFRESH_LIFE = timedelta(days=30)
GRACE = timedelta(seconds=10)

# In the driver's own form: it stands in every sign-in, whose time should be the password's hash alone. The account is
# held while it is looked at once more: whoever disables it or changes its password just now either refuses this
# session or finds it and ends it.
_BEGIN = """
WITH holder AS (
    SELECT id FROM auth.users
    WHERE id = %(user)s AND NOT disabled AND password_changed_at IS NOT DISTINCT FROM %(changed)s::timestamptz
        AND (%(second_factor)s OR totp_enabled_at IS NULL)
    FOR SHARE
), made AS (
    INSERT INTO auth.sessions (id, user_id, device, address, second_factor_at)
    SELECT %(session)s, id, %(device)s::text, %(address)s::text, CASE WHEN %(second_factor)s THEN now() END FROM holder
    RETURNING id, user_id, device, address
), kept AS (
    INSERT INTO auth.refresh_tokens (digest, session_id, expires_at)
    SELECT %(digest)s, id, now() + %(life)s FROM made
), told AS (
    INSERT INTO auth.audit (id, action, actor_id, user_id, session_id, address, device, trace_id, details)
    SELECT %(entry)s, %(action)s, user_id, user_id, id, address, device, %(trace)s, %(details)s::jsonb FROM made
)
SELECT id FROM made
"""
_presented = (
    select(
        refresh_tokens.c.rotated_at,
        refresh_tokens.c.expires_at,
        sessions.c.revoked_at,
        sessions.c.second_factor_at,
        sessions.c.id.label("session_id"),
        users.c.disabled,
        *USER_COLUMNS,
        func.clock_timestamp().label("now"),
    )
    .join(sessions, sessions.c.id == refresh_tokens.c.session_id)
    .join(users, users.c.id == sessions.c.user_id)
    .where(refresh_tokens.c.digest == bindparam("digest"))
    .with_for_update(of=(refresh_tokens, sessions))
)
# What `_presented` has locked.
_ROTATE = """
WITH rotated AS (
    UPDATE auth.refresh_tokens SET rotated_at = %(at)s WHERE digest = %(presented)s RETURNING session_id
), kept AS (
    INSERT INTO auth.refresh_tokens (digest, session_id, expires_at)
    SELECT %(following)s, session_id, %(at)s::timestamptz + %(life)s::interval FROM rotated
), seen AS (
    UPDATE auth.sessions SET last_seen_at = now(), address = %(address)s::text
    FROM rotated WHERE id = rotated.session_id
)
SELECT session_id FROM rotated
"""
_holder = (
    select(sessions.c.id, sessions.c.user_id, sessions.c.revoked_at)
    .join(refresh_tokens, refresh_tokens.c.session_id == sessions.c.id)
    .where(refresh_tokens.c.digest == bindparam("digest"))
)
# Whose access tokens may still hold: those of sessions seen within a token's life.
_still_held = sessions.c.last_seen_at > func.now() - timedelta(seconds=MARKED_SECONDS)
_end = (
    update(sessions)
    .where(sessions.c.user_id == bindparam("user"), sessions.c.revoked_at.is_(None))
    .values(revoked_at=func.now(), ended_reason=bindparam("reason"))
    .returning(sessions.c.id, _still_held.label("held"))
)
_end_one = _end.where(sessions.c.id == bindparam("session"))
_end_others = _end.where(sessions.c.id != bindparam("session"))


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in user and their token pair; `expires_in` in seconds. `device_token` where one was given out."""

    user: User
    session_id: UUID
    access_token: str
    refresh_token: str
    expires_in: int = ACCESS_SECONDS
    device_token: str | None = None


def digest_of(token: str) -> bytes:
    """What is stored of a refresh token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def begin(
    transaction: Transaction,
    user: User,
    client: Client,
    *,
    action: str,
    password_changed_at: datetime | None = None,
    second_factor: bool = False,
) -> Session:
    """Begin a session: a new family with its first refresh token, and its row in the audit, in one statement.

    `second_factor`: one was given just now. A role that must have one and gave none gets a token that can only enrol.
    Raises `Unauthenticated` (`invalid_credentials`) where the account was disabled meanwhile, or its password, last
    changed at `password_changed_at`, was changed again.
    """
    return _begin(transaction.rows, user, client, action, password_changed_at, second_factor)


def begin_at_once(
    database: Database, user: User, client: Client, *, action: str, password_changed_at: datetime | None
) -> Session:
    """`begin` where nothing else is to be done with it: a transaction of its own, in one round trip."""
    return _begin(partial(database.rows, writes=True), user, client, action, password_changed_at, False)


def _begin(
    rows: Callable[[str, dict[str, Any]], Sequence[Any]],
    user: User,
    client: Client,
    action: str,
    password_changed_at: datetime | None,
    second_factor: bool,
) -> Session:
    session_id, token = uuid7(), secrets.token_urlsafe(32)
    entry = audit.row_of(action, client, user["id"], user["id"], session_id, {"second_factor": second_factor})
    given = {
        "user": user["id"],
        "changed": password_changed_at,
        "session": session_id,
        "device": client.device,
        "address": client.address,
        "second_factor": second_factor,
        "digest": digest_of(token),
        "life": REFRESH_LIFE,
        "entry": entry["id"],
        "action": action,
        "trace": entry["trace_id"],
        "details": orjson.dumps(entry["details"]).decode(),
    }
    if not rows(_BEGIN, given):
        raise Unauthenticated("invalid_credentials")
    access = token_of(user, session_id, second_factor=second_factor)
    return Session(user, session_id, access, token)


def token_of(user: User, session_id: UUID, *, second_factor: bool, issued_at: int | None = None) -> str:
    """An access token for a session: the one place where it is settled whether it can only enrol."""
    enrolling = not second_factor and second_factor_demanded(user["role"])
    return access_token(user["id"], user["role"], session_id, issued_at=issued_at, enrolling=enrolling)


def refresh(database: Database, token: str, client: Client) -> Session:
    """Rotate a refresh token.

    Raises `Unauthenticated`: `invalid_refresh_token` for an unknown, expired or revoked one, `refresh_token_reused`
    for one rotated more than ten seconds ago, whose whole family is then ended. Raises `TooManyTries`.
    """
    count_request("refresh", client)
    outcome = database.transaction(lambda transaction: _rotate(transaction, token, client))
    if isinstance(outcome, UUID):
        mark_sessions([outcome])
        logger.warning("security event: a refresh token was used again; its session is ended", session_id=str(outcome))
        raise Unauthenticated("refresh_token_reused")
    return outcome


def _rotate(transaction: Transaction, token: str, client: Client) -> Session | UUID:
    digest = digest_of(token)
    row = next(iter(transaction.rows(_presented_sql(), {"digest": digest})), None)
    if row is None or row.revoked_at is not None or row.disabled or row.expires_at <= row.now:
        raise Unauthenticated("invalid_refresh_token")
    session_id: UUID = row.session_id
    rotated_at: datetime = row.rotated_at or row.now
    following = successor(token)
    if row.rotated_at is None:
        given = {"presented": digest, "following": digest_of(following), "at": rotated_at, "life": REFRESH_LIFE}
        transaction.rows(_ROTATE, {**given, "address": client.address})
    elif row.now - rotated_at > GRACE:
        _ended(transaction, _end_one, row.id, "refresh_token_reused", session=session_id)
        audit.record(transaction, "refresh_token_reused", client=client, user_id=row.id, session_id=session_id)
        request_mail(transaction, row.id, "session_stolen")
        return session_id
    user = user_of(row)
    issued_at = int(rotated_at.timestamp())
    access = token_of(user, session_id, second_factor=row.second_factor_at is not None, issued_at=issued_at)
    left = max(0, issued_at + ACCESS_SECONDS - int(time.time()))
    return Session(user, session_id, access, following, expires_in=left)


@lru_cache(maxsize=1)
def _presented_sql() -> str:
    return driver_form(_presented)


def log_out(database: Database, token: str, client: Client) -> None:
    """End the session that a refresh token belongs to; an unknown token ends nothing, and says nothing (RFC 7009)."""

    def work(transaction: Transaction) -> UUID | None:
        row = transaction.execute(_holder, {"digest": digest_of(token)}).one_or_none()
        if row is not None and row.revoked_at is None:
            _ended(transaction, _end_one, row.user_id, "signed_out", session=row.id)
            audit.record(transaction, "signed_out", client=client, user_id=row.user_id, session_id=row.id)
        return None if row is None else row.id

    session_id = database.transaction(work)
    if session_id is not None:
        mark_sessions([session_id])


def end_one(transaction: Transaction, user_id: UUID, session_id: UUID, reason: str) -> list[UUID]:
    """End one live session of this user → it, to be marked after the commit (`mark_sessions`); none where there is no
    such session."""
    return [row.id for row in _ended(transaction, _end_one, user_id, reason, session=session_id)]


def end_all(transaction: Transaction, user_id: UUID, reason: str, *, but: UUID | None = None) -> list[UUID]:
    """End all live sessions of this user, but for one perhaps → the sessions to be marked after the commit."""
    rows = (
        _ended(transaction, _end, user_id, reason)
        if but is None
        else _ended(transaction, _end_others, user_id, reason, session=but)
    )
    return [row.id for row in rows if row.held]


def _ended(transaction: Transaction, statement: Any, user_id: UUID, reason: str, **session: UUID) -> Sequence[Any]:
    return transaction.execute(statement, {"user": user_id, "reason": reason, **session}).all()
