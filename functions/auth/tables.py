"""The tables of schema `auth`."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(schema="auth")

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", Text, unique=True),  # normalised; absent for who came by Telegram alone
    Column("email_verified", Boolean, nullable=False, server_default="false"),
    Column("display_name", Text),
    Column("language", Text, nullable=False),
    Column("role", Text, nullable=False, server_default="customer"),
    Column("telegram_id", BigInteger, unique=True),
    Column("password_hash", Text),
    Column("password_changed_at", DateTime(timezone=True)),
    Column("totp_secret", LargeBinary),  # sealed, as is the pending one (auth.seal)
    Column("totp_pending", LargeBinary),
    Column("totp_enabled_at", DateTime(timezone=True)),
    Column("totp_last_step", BigInteger),  # the last step whose code was taken: none is taken twice
    Column("disabled", Boolean, nullable=False, server_default="false"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("users_above_customer", "role", "id", postgresql_where=text("role <> 'customer'")),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("device", Text),
    Column("address", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("last_seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("authenticated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("second_factor_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("ended_reason", Text),
    Index("sessions_by_last_seen", "last_seen_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # SHA-256 of the token: 256 random bits need no salt
    Column("session_id", Uuid, ForeignKey(sessions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("rotated_at", DateTime(timezone=True)),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("user_id", Uuid, ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("used_at", DateTime(timezone=True)),
)

mail_tokens = Table(
    "mail_tokens",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("user_id", Uuid, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("email", Text, nullable=False),  # where it was sent: it verifies no other address
    Column("event_id", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    Index("mail_tokens_by_user", "user_id", "kind", "created_at"),
    Index("mail_tokens_by_expiry", "expires_at"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("done_at", DateTime(timezone=True)),
    Column("user_id", Uuid, ForeignKey(users.c.id, ondelete="SET NULL")),  # whom a mail was sent to, if one was
    Column("kind", Text),
    Index("auth_inbox_by_age", "received_at"),
    Index("auth_inbox_by_user", "user_id", "kind", "received_at"),
)

# Only grows: the role may insert and select, and a trigger refuses the rest to everybody.
audit = Table(
    "audit",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("action", Text, nullable=False),
    Column("actor_id", Uuid),
    Column("user_id", Uuid),
    Column("session_id", Uuid),
    Column("address", Text),
    Column("device", Text),
    Column("trace_id", Text, nullable=False),
    Column("details", JSONB, nullable=False, server_default="{}"),
    Index("audit_by_time", "at", "id"),
    Index("audit_by_user", "user_id", "at", "id"),
    Index("audit_by_action", "action", "at", "id"),
)
