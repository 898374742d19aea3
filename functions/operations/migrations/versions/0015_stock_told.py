"""Balances that changed are told of all at once: a warehouse that closes has the whole shop's in it."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("""
        CREATE OR REPLACE FUNCTION store.announce_stock(product_ids uuid[], trace text) RETURNS void LANGUAGE plpgsql
        SET search_path = pg_catalog, store, pg_temp AS $$
        DECLARE
            ids text;
        BEGIN
            INSERT INTO store.stock_versions (product_id, version)
                SELECT DISTINCT id, 0 FROM unnest(product_ids) AS id ORDER BY id ON CONFLICT DO NOTHING;
            PERFORM FROM store.stock_versions v WHERE v.product_id = ANY(product_ids)
                ORDER BY v.product_id FOR UPDATE;
            UPDATE store.stock_versions v SET version = v.version + 1 WHERE v.product_id = ANY(product_ids);
            -- Read after the locks, so that of two writers in two warehouses the later sees the earlier's.
            WITH now AS MATERIALIZED (
                SELECT p.id, v.version, v.available AS told, p.low_stock_at, s.state,
                    (s.state ->> 'available')::numeric AS available
                FROM store.products p JOIN store.stock_versions v ON v.product_id = p.id
                    CROSS JOIN LATERAL (SELECT store.stock_state(p.id)) AS s(state)
                WHERE p.id = ANY(product_ids)
            ), kept AS (
                UPDATE store.stock_versions v SET available = now.available FROM now WHERE v.product_id = now.id
            ), told AS MATERIALIZED (
                SELECT events.new_id() AS event, 'store.stock.' || kinds.kind AS type, now.*
                FROM now CROSS JOIN LATERAL (VALUES
                    ('changed', true),
                    ('low', now.told > now.low_stock_at AND now.available <= now.low_stock_at),
                    ('back', now.told <= 0 AND now.available > 0)
                ) AS kinds(kind, holds)
                WHERE kinds.holds
            ), written AS (
                INSERT INTO events.outbox (id, type, schema_version, aggregate_id, version, trace_id, state)
                    SELECT told.event, told.type, 1, told.id, told.version, trace, told.state FROM told
            ) SELECT string_agg(told.event::text, ',') INTO ids FROM told;
            PERFORM set_config(
                'eatit.events', concat_ws(',', nullif(current_setting('eatit.events', true), ''), ids), true);
        END $$
    """)
