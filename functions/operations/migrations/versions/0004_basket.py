"""Schema `basket`: baskets and their lines, and the basket's own copy of what it needs of products."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("""
        CREATE SCHEMA basket;
        CREATE TABLE basket.products (
            id uuid PRIMARY KEY,
            version bigint NOT NULL,
            sku text NOT NULL,
            name text NOT NULL,
            translations jsonb NOT NULL DEFAULT '{}',
            photo_url text,
            unit text NOT NULL,
            quantity_step numeric(12, 3) NOT NULL CHECK (quantity_step > 0),
            min_quantity numeric(12, 3) NOT NULL,
            max_quantity numeric(12, 3),
            price_amount bigint NOT NULL,
            currency text NOT NULL,
            status text NOT NULL
        );
        CREATE TABLE basket.stock (
            product_id uuid PRIMARY KEY,
            version bigint NOT NULL,
            available numeric(14, 3) NOT NULL,
            by_warehouse jsonb NOT NULL DEFAULT '[]'
        );
        CREATE TABLE basket.inbox (
            event_id uuid PRIMARY KEY,
            received_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX inbox_by_age ON basket.inbox (received_at);
        CREATE TABLE basket.baskets (
            id uuid PRIMARY KEY,
            user_id uuid UNIQUE,
            token_digest bytea UNIQUE,
            version bigint NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            merged_at timestamptz,
            CHECK ((user_id IS NULL) <> (token_digest IS NULL))
        );
        CREATE TABLE basket.lines (
            basket_id uuid NOT NULL REFERENCES basket.baskets ON DELETE CASCADE,
            product_id uuid NOT NULL,
            quantity numeric(12, 3) NOT NULL CHECK (quantity > 0),
            price_seen bigint NOT NULL,
            added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (basket_id, product_id)
        );
        CREATE TABLE basket.idempotency (
            scope bytea PRIMARY KEY,
            body_digest bytea NOT NULL,
            status integer NOT NULL,
            headers jsonb NOT NULL,
            body bytea NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX idempotency_by_age ON basket.idempotency (created_at);

        -- Lets a statement that finds what it read stale refuse itself, as a serialisation failure to be tried again.
        CREATE FUNCTION basket.refuse_contended(contended boolean) RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN
            IF contended THEN
                RAISE EXCEPTION 'somebody else changed the basket meanwhile' USING ERRCODE = 'serialization_failure';
            END IF;
            RETURN true;
        END $$;
        REVOKE ALL ON FUNCTION basket.refuse_contended(boolean) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION basket.refuse_contended(boolean) TO eatit_basket;

        GRANT USAGE ON SCHEMA basket TO eatit_basket, eatit_operations;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA basket TO eatit_basket;
        GRANT SELECT (scope, created_at), DELETE ON basket.idempotency TO eatit_operations;
        GRANT SELECT (event_id, received_at), DELETE ON basket.inbox TO eatit_operations;
    """)
