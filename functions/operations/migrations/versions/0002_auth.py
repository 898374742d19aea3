"""Schema `auth`: users, sessions and the digests of refresh tokens."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        CREATE SCHEMA auth;
        CREATE TABLE auth.users (
            id uuid PRIMARY KEY,
            email text UNIQUE,
            email_verified boolean NOT NULL DEFAULT false,
            display_name text,
            language text NOT NULL,
            role text NOT NULL DEFAULT 'customer' CHECK (role IN ('customer', 'staff', 'admin')),
            telegram_id bigint UNIQUE,
            password_hash text,
            disabled boolean NOT NULL DEFAULT false,
            version integer NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE TABLE auth.sessions (
            id uuid PRIMARY KEY,
            user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
            device text,
            address text,
            created_at timestamptz NOT NULL DEFAULT now(),
            last_seen_at timestamptz NOT NULL DEFAULT now(),
            revoked_at timestamptz
        );
        CREATE INDEX ix_auth_sessions_user_id ON auth.sessions (user_id);
        CREATE TABLE auth.refresh_tokens (
            digest bytea PRIMARY KEY,
            session_id uuid NOT NULL REFERENCES auth.sessions ON DELETE CASCADE,
            expires_at timestamptz NOT NULL,
            rotated_at timestamptz
        );
        CREATE INDEX ix_auth_refresh_tokens_session_id ON auth.refresh_tokens (session_id);

        GRANT USAGE ON SCHEMA auth TO eatit_auth, eatit_operations;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA auth TO eatit_auth;
        GRANT SELECT (expires_at, digest), DELETE ON auth.refresh_tokens TO eatit_operations;
    """)
