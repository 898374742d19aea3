"""What an import makes Postgres do, with less work: texts as they are searched, states of events, first prices; and
what each product's row was when a file last said it.

Nothing that is kept changes: documents, words, states and prices are what they were. Readers aren't locked out; the one
trigger that is replaced waits for writers alone.
"""

from alembic import op

revision = "0013"
down_revision = "0019"

NEW = (
    "store.note_first_prices()",
    "store.state_with(store.products, text, jsonb)",
    "store.states_of_products(uuid[])",
)


def upgrade() -> None:
    _words()
    _documents()
    _states()
    _first_prices()
    op.execute(f"REVOKE ALL ON FUNCTION {', '.join(NEW)} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {', '.join(NEW)} TO eatit_store")
    op.execute(f"GRANT EXECUTE ON FUNCTION {NEW[1]} TO eatit_store_functions")
    op.execute("""
        CREATE TABLE store.imported_rows (
            product_id uuid PRIMARY KEY,
            version bigint NOT NULL,
            digest bytea NOT NULL,
            category text NOT NULL
        );
        GRANT SELECT, INSERT, UPDATE ON store.imported_rows TO eatit_store;
    """)


def _words() -> None:
    """As 0011 has it. A look at the letters costs a seventh of what normalize and translate do, and most texts need
    neither; a space that is one already isn't replaced by itself, so two may stand together. The names are written out:
    a search_path of its own would cost as much as the rest."""
    op.execute(r"""
        CREATE OR REPLACE FUNCTION store.plain(words text) RETURNS text
        LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
        BEGIN
            IF words OPERATOR(pg_catalog.~) '[^\t\n\r -~«»°–—А-яЁё]' THEN
                words := pg_catalog.translate(pg_catalog.normalize(words, 'NFKC'),
                    U&'\00AD\200B\200C\200D\200E\200F\2060\FEFF', '');
            END IF;
            IF words OPERATOR(pg_catalog.~) '[Ёё]' THEN
                words := pg_catalog.translate(words, 'Ёё', 'Ее');
            END IF;
            RETURN pg_catalog.lower(pg_catalog.regexp_replace(words,
                '[^ 0-9A-Za-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02AF\u0370-\u1FFF\u3040-\uD7FF]+', ' ', 'g'));
        END $$;
    """)


def _documents() -> None:
    """As 0011 has it; what is empty is passed over, and marks are made without a query."""
    op.execute("""
        CREATE OR REPLACE FUNCTION store.document_of(product store.products) RETURNS tsvector
        LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, store, pg_temp AS $$
        DECLARE
            names tsvector := to_tsvector('pg_catalog.russian', words_of(product.name, product.translations));
            ru jsonb := product.translations -> 'ru';
            en jsonb := product.translations -> 'en';
            document tsvector := setweight(names, 'A');
            words text := concat_ws(' ', product.description, ru ->> 'description', en ->> 'description');
        BEGIN
            IF words <> '' THEN
                document := document || setweight(to_tsvector('pg_catalog.russian', plain(words)), 'C');
            END IF;
            words := concat_ws(' ', product.composition, ru ->> 'composition', en ->> 'composition');
            IF words <> '' THEN
                document := document || setweight(to_tsvector('pg_catalog.russian', plain(words)), 'D');
            END IF;
            words := array_to_string(tsvector_to_array(names), ' =');
            RETURN document || array_to_tsvector(array_remove(
                string_to_array(CASE WHEN words = '' THEN '' ELSE '=' || words END, ' ')
                    || ARRAY['#' || product.category_id, '@' || lower(product.sku), '@' || ltrim(product.barcode, '0')],
                NULL));
        END $$;
    """)


def _states() -> None:
    """The states of many products by one query; what a state holds stands in one place, which is written into both."""
    op.execute("""
        CREATE FUNCTION store.state_with(p store.products, unit text, stock jsonb) RETURNS jsonb
        LANGUAGE sql STABLE PARALLEL SAFE
        RETURN jsonb_build_object(
            'id', p.id, 'sku', p.sku, 'barcode', p.barcode, 'name', p.name, 'description', p.description,
            'composition', p.composition, 'storage_conditions', p.storage_conditions,
            'translations', p.translations, 'category_id', p.category_id, 'unit_id', p.unit_id,
            'unit', unit, 'pack_size', trim_scale(p.pack_size)::text,
            'quantity_step', to_char(p.quantity_step, 'FM99999999990.000'),
            'min_quantity', to_char(p.min_quantity, 'FM99999999990.000'),
            'max_quantity', to_char(p.max_quantity, 'FM99999999990.000'),
            'price', jsonb_build_object('amount', p.price_amount, 'currency', p.currency),
            'sold_by', p.sold_by,
            'unit_price', jsonb_build_object('per', p.unit_price_per,
                'price', jsonb_build_object('amount', p.unit_price_amount, 'currency', p.currency)),
            'nutrition', p.nutrition, 'allergens', to_jsonb(p.allergens), 'status', p.status,
            'photos', p.photos, 'version', p.version,
            'created_at', to_char(p.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            'updated_at', to_char(p.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            'stock', stock);
        CREATE FUNCTION store.states_of_products(products uuid[]) RETURNS TABLE (product_id uuid, state jsonb)
        LANGUAGE sql STABLE SET search_path = pg_catalog, store, pg_temp AS $$
            SELECT p.id, store.state_with(p, u.code, CASE
                WHEN EXISTS (SELECT FROM store.stock s WHERE s.product_id = p.id)
                    OR EXISTS (SELECT FROM store.stock_versions v WHERE v.product_id = p.id)
                THEN store.stock_state(p.id)
                ELSE jsonb_build_object('product_id', p.id, 'version', 0, 'available', '0.000',
                    'by_warehouse', '[]'::jsonb) END)
            FROM store.products p JOIN store.units u ON u.id = p.unit_id
            WHERE p.id = ANY (products)
        $$;
        CREATE OR REPLACE FUNCTION store.state_of_product(product uuid) RETURNS jsonb LANGUAGE sql STABLE
        SET search_path = pg_catalog, store, pg_temp AS $$
            SELECT store.state_with(p, u.code, store.stock_state(p.id))
            FROM store.products p JOIN store.units u ON u.id = p.unit_id
            WHERE p.id = product
        $$;
    """)


def _first_prices() -> None:
    op.execute("""
        CREATE FUNCTION store.note_first_prices() RETURNS trigger LANGUAGE plpgsql
        SET search_path = pg_catalog, store, pg_temp AS $$
        BEGIN
            INSERT INTO prices (product_id, since, amount, currency)
                SELECT id, clock_timestamp(), price_amount, currency FROM made;
            RETURN NULL;
        END $$;
        CREATE OR REPLACE TRIGGER first_price AFTER INSERT ON store.products
            REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION store.note_first_prices();
    """)
