"""Photos of products: uploads that were promised, and the pictures that came of them."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    pass
