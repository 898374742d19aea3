"""Search: what is looked through, and the indexes for it."""

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    pass
