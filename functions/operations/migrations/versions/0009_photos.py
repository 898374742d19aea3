"""Photos of products: uploads that were promised, and the pictures that came of them."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE store.photo_uploads (
            id uuid PRIMARY KEY,
            product_id uuid NOT NULL REFERENCES store.products,
            key text NOT NULL,
            content_type text NOT NULL,
            size integer NOT NULL CHECK (size > 0),
            state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'refused', 'removed')),
            reason text CHECK ((state = 'refused') = (reason IS NOT NULL)),
            claimed_until timestamptz,
            created_at timestamptz NOT NULL DEFAULT now(),
            ended_at timestamptz
        );
        CREATE INDEX ix_store_photo_uploads_product_id ON store.photo_uploads (product_id);
        CREATE INDEX photo_uploads_unfinished ON store.photo_uploads (created_at) WHERE state <> 'done';
        GRANT SELECT, INSERT, UPDATE ON store.photo_uploads TO eatit_store;
        GRANT SELECT (id, key, state, claimed_until, created_at, ended_at), UPDATE (state, reason, ended_at), DELETE
            ON store.photo_uploads TO eatit_operations;
    """)
