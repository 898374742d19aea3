"""Schema `store`: units, categories, warehouses, products and stock, and what the store offers to the basket."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("""
        CREATE SCHEMA store;
        CREATE TABLE store.units (
            id uuid PRIMARY KEY,
            code text NOT NULL UNIQUE,
            name text NOT NULL,
            translations jsonb NOT NULL DEFAULT '{}',
            dimension text NOT NULL CHECK (dimension IN ('mass', 'volume', 'count')),
            factor numeric NOT NULL CHECK (factor > 0),
            version integer NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE TABLE store.categories (
            id uuid PRIMARY KEY,
            name text NOT NULL,
            slug text NOT NULL UNIQUE,
            translations jsonb NOT NULL DEFAULT '{}',
            parent_id uuid REFERENCES store.categories,
            position integer NOT NULL DEFAULT 0,
            version integer NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX ix_store_categories_parent_id ON store.categories (parent_id);
        CREATE TABLE store.warehouses (
            id uuid PRIMARY KEY,
            code text NOT NULL UNIQUE,
            name text NOT NULL,
            translations jsonb NOT NULL DEFAULT '{}',
            address text NOT NULL,
            latitude double precision,
            longitude double precision,
            active boolean NOT NULL DEFAULT true,
            version integer NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE TABLE store.products (
            id uuid PRIMARY KEY,
            sku text NOT NULL UNIQUE,
            barcode text UNIQUE,
            name text NOT NULL,
            name_key text COLLATE "C" NOT NULL,
            description text,
            composition text,
            storage_conditions text,
            translations jsonb NOT NULL DEFAULT '{}',
            category_id uuid NOT NULL REFERENCES store.categories,
            unit_id uuid NOT NULL REFERENCES store.units,
            pack_size numeric NOT NULL CHECK (pack_size > 0),
            quantity_step numeric(12, 3) NOT NULL CHECK (quantity_step > 0),
            min_quantity numeric(12, 3) NOT NULL CHECK (min_quantity > 0),
            max_quantity numeric(12, 3) CHECK (max_quantity >= min_quantity),
            price_amount bigint NOT NULL CHECK (price_amount >= 0),
            currency text NOT NULL,
            sold_by text NOT NULL CHECK (sold_by IN ('piece', 'weight', 'volume')),
            unit_price_amount bigint NOT NULL,
            unit_price_per text NOT NULL,
            nutrition jsonb,
            allergens text[] NOT NULL DEFAULT '{}',
            status text NOT NULL CHECK (status IN ('draft', 'active', 'archived')),
            photos jsonb NOT NULL DEFAULT '[]',
            version bigint NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX products_by_name ON store.products (name_key, id);
        CREATE INDEX products_by_price ON store.products (price_amount, id);
        CREATE INDEX products_by_unit_price ON store.products (unit_price_amount, id);
        CREATE INDEX products_by_age ON store.products (created_at, id);
        CREATE INDEX ix_store_products_category_id ON store.products (category_id);
        CREATE INDEX ix_store_products_unit_id ON store.products (unit_id);
        CREATE TABLE store.stock (
            product_id uuid NOT NULL REFERENCES store.products,
            warehouse_id uuid NOT NULL REFERENCES store.warehouses,
            on_hand numeric(14, 3) NOT NULL CHECK (on_hand >= 0),
            reserved numeric(14, 3) NOT NULL DEFAULT 0 CHECK (reserved >= 0 AND reserved <= on_hand),
            PRIMARY KEY (product_id, warehouse_id)
        );
        CREATE INDEX ix_store_stock_warehouse_id ON store.stock (warehouse_id);
        CREATE TABLE store.stock_versions (
            product_id uuid PRIMARY KEY REFERENCES store.products,
            version bigint NOT NULL
        );
        CREATE TABLE store.idempotency (
            scope bytea PRIMARY KEY,
            body_digest bytea NOT NULL,
            status integer NOT NULL,
            headers jsonb NOT NULL,
            body bytea NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX idempotency_by_age ON store.idempotency (created_at);

        GRANT USAGE ON SCHEMA store TO eatit_store, eatit_basket, eatit_operations, eatit_store_functions;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA store TO eatit_store;
        GRANT SELECT (scope, created_at), DELETE ON store.idempotency TO eatit_operations;
    """)
    _states()
    _offered_to_the_basket()


def _states() -> None:
    """The states that events carry, in the API's shapes: made in one place, for events and for `product_state`."""
    op.execute("""
        CREATE FUNCTION store.stock_state(product uuid) RETURNS jsonb LANGUAGE sql STABLE
        SET search_path = pg_catalog, store, pg_temp AS $$
            SELECT jsonb_build_object(
                'product_id', product,
                'version', coalesce((SELECT v.version FROM store.stock_versions v WHERE v.product_id = product), 0),
                'available', to_char(coalesce(max(s.on_hand - s.reserved), 0), 'FM99999999990.000'),
                'by_warehouse', coalesce(jsonb_agg(jsonb_build_object(
                    'warehouse_id', s.warehouse_id,
                    'available', to_char(s.on_hand - s.reserved, 'FM99999999990.000')
                ) ORDER BY s.warehouse_id) FILTER (WHERE s.warehouse_id IS NOT NULL), '[]'))
            FROM store.stock s
            JOIN store.warehouses w ON w.id = s.warehouse_id AND w.active
            WHERE s.product_id = product
        $$;
        CREATE FUNCTION store.state_of_product(product uuid) RETURNS jsonb LANGUAGE sql STABLE
        SET search_path = pg_catalog, store, pg_temp AS $$
            SELECT jsonb_build_object(
                'id', p.id, 'sku', p.sku, 'barcode', p.barcode, 'name', p.name, 'description', p.description,
                'composition', p.composition, 'storage_conditions', p.storage_conditions,
                'translations', p.translations, 'category_id', p.category_id, 'unit_id', p.unit_id,
                'unit', u.code, 'pack_size', trim_scale(p.pack_size)::text,
                'quantity_step', to_char(p.quantity_step, 'FM99999999990.000'),
                'min_quantity', to_char(p.min_quantity, 'FM99999999990.000'),
                'max_quantity', to_char(p.max_quantity, 'FM99999999990.000'))
            || jsonb_build_object(
                'price', jsonb_build_object('amount', p.price_amount, 'currency', p.currency),
                'sold_by', p.sold_by,
                'unit_price', jsonb_build_object('per', p.unit_price_per,
                    'price', jsonb_build_object('amount', p.unit_price_amount, 'currency', p.currency)),
                'nutrition', p.nutrition, 'allergens', to_jsonb(p.allergens), 'status', p.status,
                'photos', p.photos, 'version', p.version,
                'created_at', to_char(p.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                'updated_at', to_char(p.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                'stock', store.stock_state(p.id))
            FROM store.products p JOIN store.units u ON u.id = p.unit_id
            WHERE p.id = product
        $$;
        REVOKE ALL ON FUNCTION store.stock_state(uuid), store.state_of_product(uuid) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION store.stock_state(uuid), store.state_of_product(uuid)
            TO eatit_store, eatit_store_functions;
    """)


def _offered_to_the_basket() -> None:
    """`store.product_state`: with its owner's rights, for the basket's role alone. The owner must hold CREATE on the
    schema for the moment in which it is handed the function."""
    op.execute("""
        GRANT SELECT ON store.products, store.units, store.warehouses, store.stock, store.stock_versions
            TO eatit_store_functions;
        CREATE FUNCTION store.product_state(product_id uuid) RETURNS jsonb LANGUAGE sql STABLE
        SECURITY DEFINER SET search_path = pg_catalog, store, pg_temp AS $$
            SELECT store.state_of_product(product_id)
        $$;
        REVOKE ALL ON FUNCTION store.product_state(uuid) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION store.product_state(uuid) TO eatit_basket;
        GRANT CREATE ON SCHEMA store TO eatit_store_functions;
        ALTER FUNCTION store.product_state(uuid) OWNER TO eatit_store_functions;
        REVOKE CREATE ON SCHEMA store FROM eatit_store_functions;
    """)
