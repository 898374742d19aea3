"""Indexes by which long lists are read a page at a time, whatever their status."""

from alembic import op

revision = "0012"
down_revision = "0011"

INDEXES = {
    "products_by_status": "store.products (status, name_key, id) INCLUDE (price_amount)",
    "products_by_category": "store.products (category_id, status, name_key, id) INCLUDE (price_amount)",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, on in INDEXES.items():
            # One that was begun and not finished is of no use and in the way.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS store.{name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {on}")
