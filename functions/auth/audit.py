"""The audit of sign-in: who did what to whom, from where and when; rows are added and never changed.

Each is written in the transaction of what it tells of, so that neither stands without the other. It holds no secret:
no password, no token, no code, and no address that somebody merely typed.
"""

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import insert

from auth.clients import Client
from auth.tables import audit
from eatit.database import Transaction
from eatit.identifiers import uuid7
from eatit.observability import trace_id

# What is recorded. A test holds that nothing else is.
ACTIONS = (
    "registered",
    "signed_in",
    "sign_in_failed",
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


_record = insert(audit)


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
