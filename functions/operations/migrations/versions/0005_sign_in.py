"""Sign-in whole: second factors, one-use tokens of mails, the mail worker's inbox, and the audit that only grows."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _columns()
    op.execute("""
        CREATE INDEX sessions_by_last_seen ON auth.sessions (last_seen_at);
        CREATE INDEX users_above_customer ON auth.users (role, id) WHERE role <> 'customer';

        CREATE TABLE auth.recovery_codes (
            user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
            digest bytea NOT NULL,
            used_at timestamptz,
            PRIMARY KEY (user_id, digest)
        );
        CREATE TABLE auth.mail_tokens (
            digest bytea PRIMARY KEY,
            user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
            kind text NOT NULL CHECK (kind IN ('verify', 'reset')),
            email text NOT NULL,
            event_id uuid NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            expires_at timestamptz NOT NULL,
            used_at timestamptz
        );
        CREATE INDEX mail_tokens_by_user ON auth.mail_tokens (user_id, kind, created_at);
        CREATE INDEX mail_tokens_by_expiry ON auth.mail_tokens (expires_at);
        CREATE TABLE auth.inbox (
            event_id uuid PRIMARY KEY,
            received_at timestamptz NOT NULL DEFAULT now(),
            done_at timestamptz
        );
        CREATE INDEX auth_inbox_by_age ON auth.inbox (received_at);

        GRANT SELECT, INSERT, UPDATE, DELETE ON auth.recovery_codes, auth.mail_tokens, auth.inbox TO eatit_auth;
        GRANT SELECT (digest, expires_at), DELETE ON auth.mail_tokens TO eatit_operations;
        GRANT SELECT (event_id, received_at), DELETE ON auth.inbox TO eatit_operations;
        GRANT SELECT (id, last_seen_at), DELETE ON auth.sessions TO eatit_operations;
    """)
    _audit()
    op.execute("""
        UPDATE auth.sessions SET authenticated_at = created_at WHERE authenticated_at IS NULL;
        ALTER TABLE auth.sessions ALTER COLUMN authenticated_at SET NOT NULL;
    """)


def _columns() -> None:
    """Each in a transaction of its own: their locks keep readers out, and would until all of the rest is done. So a run
    that was interrupted after them finds them there."""
    with op.get_context().autocommit_block():
        op.execute("""
            ALTER TABLE auth.users
                ADD COLUMN IF NOT EXISTS password_changed_at timestamptz,
                ADD COLUMN IF NOT EXISTS totp_secret bytea,
                ADD COLUMN IF NOT EXISTS totp_pending bytea,
                ADD COLUMN IF NOT EXISTS totp_enabled_at timestamptz,
                ADD COLUMN IF NOT EXISTS totp_last_step bigint
        """)
        op.execute("""
            ALTER TABLE auth.sessions
                ADD COLUMN IF NOT EXISTS authenticated_at timestamptz,
                ADD COLUMN IF NOT EXISTS second_factor_at timestamptz,
                ADD COLUMN IF NOT EXISTS ended_reason text,
                ALTER COLUMN authenticated_at SET DEFAULT now()
        """)


def _audit() -> None:
    """A table that only grows: the group's role may add and read, and nobody's statement changes what stands there."""
    op.execute("""
        CREATE TABLE auth.audit (
            id uuid PRIMARY KEY,
            at timestamptz NOT NULL DEFAULT now(),
            action text NOT NULL,
            actor_id uuid,
            user_id uuid,
            session_id uuid,
            address text,
            device text,
            trace_id text NOT NULL,
            details jsonb NOT NULL DEFAULT '{}'
        );
        CREATE INDEX audit_by_time ON auth.audit (at, id);
        CREATE INDEX audit_by_user ON auth.audit (user_id, at, id);
        CREATE INDEX audit_by_action ON auth.audit (action, at, id);

        CREATE FUNCTION auth.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'auth.audit only grows' USING ERRCODE = 'insufficient_privilege';
        END $$;
        REVOKE ALL ON FUNCTION auth.refuse_change() FROM PUBLIC;
        CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE ON auth.audit
            FOR EACH ROW EXECUTE FUNCTION auth.refuse_change();
        CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON auth.audit
            FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_change();

        GRANT SELECT, INSERT ON auth.audit TO eatit_auth;
    """)
