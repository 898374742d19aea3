"""${message}.

Revision ${up_revision}, after ${down_revision | comma,n}.
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    op.execute("""
    """)
