"""What the mail worker sent to whom, so that nobody can be flooded."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE auth.inbox
            ADD COLUMN user_id uuid REFERENCES auth.users ON DELETE SET NULL,
            ADD COLUMN kind text;
        CREATE INDEX auth_inbox_by_user ON auth.inbox (user_id, kind, received_at) WHERE user_id IS NOT NULL;
    """)
