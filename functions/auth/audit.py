"""The audit of sign-in: who did what to whom, from where and when; rows are added and never changed.

Each is written in the transaction of what it tells of, so that neither stands without the other. It holds no secret:
no password, no token, no code, and no address that somebody merely typed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, cast
from uuid import UUID

from sqlalchemy import insert, select, tuple_

from auth.clients import Client
from auth.tables import audit
from eatit.database import Database, Transaction
from eatit.identifiers import uuid7
from eatit.observability import trace_id
from eatit.paging import make_cursor, page_of, read_cursor

# What is recorded. A test holds that nothing else is.
ACTIONS = (
    "registered",
    "signed_in",
    "sign_in_failed",
    "second_factor_missing",
    "second_factor_failed",
    "refresh_token_reused",
    "signed_out",
    "session_ended",
    "sessions_ended",
    "password_changed",
    "password_change_failed",
    "password_reset_requested",
    "password_reset",
    "email_verified",
    "totp_enabled",
    "totp_disabled",
    "totp_verified",
    "recovery_code_used",
    "recovery_codes_renewed",
    "role_changed",
    "user_disabled",
    "user_enabled",
    "admin_made",
)


class Entry(TypedDict):
    """One row of the audit. `actor_id` did it to `user_id`; both may be unknown."""

    id: UUID
    at: datetime
    action: str
    actor_id: UUID | None
    user_id: UUID | None
    session_id: UUID | None
    address: str | None
    device: str | None
    trace_id: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of the audit is narrowed by; all of them together. `since` is in it, `until` isn't."""

    user: UUID | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def as_given(self) -> dict[str, Any]:
        """For the cursor's digest."""
        return {name: getattr(self, name) for name in self.__slots__}


SORT = "-at"
_record = insert(audit)
_entries = select(audit)


def record(
    transaction: Transaction,
    action: str,
    *,
    client: Client,
    user_id: UUID | None = None,
    actor_id: UUID | None = None,
    session_id: UUID | None = None,
    **details: Any,
) -> None:
    """Add a row in this transaction. `details` must be JSON and hold nothing secret. The actor is the user unless said
    otherwise."""
    transaction.execute(_record, row_of(action, client, user_id, actor_id or user_id, session_id, details))


def row_of(
    action: str,
    client: Client,
    user_id: UUID | None,
    actor_id: UUID | None,
    session_id: UUID | None,
    details: dict[str, Any],
) -> dict[str, Any]:
    """The row, for a statement of the caller's own."""
    if action not in ACTIONS:
        raise ValueError(f"the audit knows no {action}")
    return {
        "id": uuid7(),
        "action": action,
        "actor_id": actor_id,
        "user_id": user_id,
        "session_id": session_id,
        "address": client.address,
        "device": client.device,
        "trace_id": trace_id(),
        "details": details,
    }


def list_entries(
    database: Database, filters: Filters, limit: int, cursor: str | None
) -> tuple[list[Entry], str | None]:
    """A page of the audit, the newest first. Raises `DomainError` (`invalid_cursor`)."""
    statement = _entries
    for column, value in ((audit.c.user_id, filters.user), (audit.c.action, filters.action)):
        if value is not None:
            statement = statement.where(column == value)
    if filters.since is not None:
        statement = statement.where(audit.c.at >= filters.since)
    if filters.until is not None:
        statement = statement.where(audit.c.at < filters.until)
    if cursor is not None:
        keys = read_cursor(cursor, SORT, filters.as_given(), [datetime.fromisoformat, UUID])  # type: ignore[list-item]
        statement = statement.where(tuple_(audit.c.at, audit.c.id) < tuple_(*keys))
    statement = statement.order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit + 1)
    rows, more = page_of(database.read(statement).mappings().all(), limit)
    following = make_cursor(SORT, filters.as_given(), [rows[-1]["at"], rows[-1]["id"]]) if more else None
    return [cast(Entry, dict(row)) for row in rows], following
