"""What the sweep of baskets needs: the right to it, and indexes that a basket's change doesn't have to keep up."""

from alembic import op

revision = "0016"
down_revision = "0015"

# By the day of making, which stays: an index by the last change would have every change of a basket write it anew, and
# all the table's other indexes with it.
INDEXES = {
    "guests_baskets_by_age": "basket.baskets (created_at) WHERE user_id IS NULL",
    "users_baskets_by_age": "basket.baskets (created_at) WHERE user_id IS NOT NULL",
}


def upgrade() -> None:
    op.execute("GRANT SELECT (id, user_id, created_at, updated_at), DELETE ON basket.baskets TO eatit_operations")
    with op.get_context().autocommit_block():
        for name, on in INDEXES.items():
            # One that was begun and not finished is of no use and in the way.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS basket.{name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {on}")
