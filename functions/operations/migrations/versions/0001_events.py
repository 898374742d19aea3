"""Schema `events`: the one outbox, which every group may insert into and publish from."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("""
        CREATE SCHEMA events;
        CREATE TABLE events.outbox (
            id uuid PRIMARY KEY,
            type text NOT NULL,
            schema_version integer NOT NULL,
            aggregate_id uuid NOT NULL,
            version bigint NOT NULL,
            occurred_at timestamptz NOT NULL DEFAULT now(),
            trace_id text NOT NULL,
            state jsonb NOT NULL,
            published_at timestamptz
        );
        CREATE INDEX outbox_waiting ON events.outbox (id) WHERE published_at IS NULL;
        CREATE INDEX outbox_published ON events.outbox (published_at) WHERE published_at IS NOT NULL;

        GRANT USAGE ON SCHEMA events TO eatit_auth, eatit_store, eatit_basket, eatit_operations;
        GRANT INSERT, SELECT, UPDATE (published_at) ON events.outbox TO eatit_auth, eatit_store, eatit_basket;
        GRANT SELECT, DELETE, UPDATE (published_at) ON events.outbox TO eatit_operations;
    """)
