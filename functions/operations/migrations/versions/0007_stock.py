"""Stock whole: the ledger of movements, what orders have reserved, and the functions that move both together.

Every writer of balances locks its rows in the order of product and warehouse before it looks at them, and the counters
of what was told after all of them, in the order of product: two writers wait for each other but never in a circle.
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    _columns()
    op.execute("""
        UPDATE store.stock_versions v SET available = (store.stock_state(v.product_id) ->> 'available')::numeric;

        CREATE TABLE store.movements (
            id uuid PRIMARY KEY,
            at timestamptz NOT NULL DEFAULT now(),
            kind text NOT NULL CHECK (kind IN ('receive', 'write_off', 'adjust', 'transfer', 'sale', 'return')),
            product_id uuid NOT NULL REFERENCES store.products,
            warehouse_id uuid NOT NULL REFERENCES store.warehouses,
            to_warehouse_id uuid REFERENCES store.warehouses,
            quantity numeric(14, 3) NOT NULL,
            reason text NOT NULL,
            actor_id uuid,
            order_id uuid,
            trace_id text NOT NULL,
            CHECK (CASE kind WHEN 'adjust' THEN quantity <> 0 ELSE quantity > 0 END),
            CHECK ((kind = 'transfer') = (to_warehouse_id IS NOT NULL)),
            CHECK (to_warehouse_id <> warehouse_id)
        );
        CREATE INDEX movements_by_product ON store.movements (product_id, id);
        CREATE INDEX movements_by_warehouse ON store.movements (warehouse_id, id);
        CREATE INDEX movements_by_to_warehouse ON store.movements (to_warehouse_id, id)
            WHERE to_warehouse_id IS NOT NULL;

        CREATE TABLE store.reservations (
            order_id uuid PRIMARY KEY,
            warehouse_id uuid REFERENCES store.warehouses,
            state text NOT NULL DEFAULT 'reserved' CHECK (state IN ('reserved', 'released', 'sold')),
            created_at timestamptz NOT NULL DEFAULT now(),
            ended_at timestamptz
        );
        CREATE INDEX ix_store_reservations_warehouse_id ON store.reservations (warehouse_id);
        CREATE TABLE store.reserved_lines (
            order_id uuid NOT NULL REFERENCES store.reservations ON DELETE CASCADE,
            product_id uuid NOT NULL REFERENCES store.products,
            quantity numeric(12, 3) NOT NULL CHECK (quantity > 0),
            PRIMARY KEY (order_id, product_id)
        );
        CREATE INDEX ix_store_reserved_lines_product_id ON store.reserved_lines (product_id);
        GRANT SELECT, INSERT ON store.movements TO eatit_store;
        GRANT SELECT ON store.reservations, store.reserved_lines TO eatit_store;
    """)
    _uuid7()
    _ledger_that_only_grows()
    _announcement()
    _reserve()
    _release_and_sell()
    _offered_to_the_basket()


def _columns() -> None:
    """Each in a transaction of its own: their locks keep readers out, and would until all of the rest is done. So a run
    that was interrupted after them finds them there."""
    with op.get_context().autocommit_block():
        op.execute("""
            ALTER TABLE store.stock_versions ADD COLUMN IF NOT EXISTS available numeric(14, 3) NOT NULL DEFAULT 0
        """)
        op.execute("ALTER TABLE store.products ADD COLUMN IF NOT EXISTS low_stock_at numeric(12, 3)")
        op.execute("""
            ALTER TABLE store.products DROP CONSTRAINT IF EXISTS products_low_stock_at_check,
                ADD CONSTRAINT products_low_stock_at_check CHECK (low_stock_at >= 0) NOT VALID
        """)
        op.execute("ALTER TABLE store.products VALIDATE CONSTRAINT products_low_stock_at_check")


def _uuid7() -> None:
    """Ids of rows that the database makes by itself (RFC 9562, section 5.7); Postgres has its own only from 18 on."""
    op.execute("""
        CREATE FUNCTION events.new_id() RETURNS uuid LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
            SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
                substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
                52, 1), 53, 1), 'hex')::uuid
        $$;
        REVOKE ALL ON FUNCTION events.new_id() FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION events.new_id() TO eatit_store, eatit_store_functions;
        GRANT USAGE ON SCHEMA events TO eatit_store_functions;
        GRANT INSERT ON events.outbox TO eatit_store_functions;
    """)


def _ledger_that_only_grows() -> None:
    op.execute("""
        INSERT INTO store.movements (id, kind, product_id, warehouse_id, quantity, reason, trace_id)
            SELECT events.new_id(), 'adjust', product_id, warehouse_id, on_hand, 'opening balance', 'migration-0007'
            FROM store.stock WHERE on_hand > 0;

        CREATE FUNCTION store.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'store.movements only grows' USING ERRCODE = 'insufficient_privilege';
        END $$;
        REVOKE ALL ON FUNCTION store.refuse_change() FROM PUBLIC;
        CREATE TRIGGER movements_only_grow BEFORE UPDATE OR DELETE ON store.movements
            FOR EACH ROW EXECUTE FUNCTION store.refuse_change();
        CREATE TRIGGER movements_are_never_emptied BEFORE TRUNCATE ON store.movements
            FOR EACH STATEMENT EXECUTE FUNCTION store.refuse_change();
    """)


def _announcement() -> None:
    """`store.announce_stock`: the events of changed balances. Their ids join the transaction's setting `eatit.events`,
    by which whoever commits finds what to publish."""
    op.execute("""
        CREATE FUNCTION store.announce_stock(product_ids uuid[], trace text) RETURNS void LANGUAGE plpgsql
        SET search_path = pg_catalog, store, pg_temp AS $$
        DECLARE
            product record;
            told record;
            state jsonb;
            now_available numeric;
            kinds text[];
            kind text;
            event uuid;
        BEGIN
            INSERT INTO store.stock_versions (product_id, version)
                SELECT DISTINCT id, 0 FROM unnest(product_ids) AS id ORDER BY id ON CONFLICT DO NOTHING;
            FOR product IN
                SELECT p.id, p.low_stock_at FROM store.products p WHERE p.id = ANY(product_ids) ORDER BY p.id
            LOOP
                SELECT v.version, v.available INTO told FROM store.stock_versions v
                    WHERE v.product_id = product.id FOR UPDATE;
                UPDATE store.stock_versions v SET version = v.version + 1 WHERE v.product_id = product.id;
                -- Read after the lock, so that of two writers in two warehouses the later sees the earlier's.
                state := store.stock_state(product.id);
                now_available := (state ->> 'available')::numeric;
                UPDATE store.stock_versions v SET available = now_available WHERE v.product_id = product.id;
                kinds := ARRAY['store.stock.changed'];
                IF told.available > product.low_stock_at AND now_available <= product.low_stock_at THEN
                    kinds := kinds || 'store.stock.low'::text;
                END IF;
                IF told.available <= 0 AND now_available > 0 THEN
                    kinds := kinds || 'store.stock.back'::text;
                END IF;
                FOREACH kind IN ARRAY kinds LOOP
                    event := events.new_id();
                    INSERT INTO events.outbox (id, type, schema_version, aggregate_id, version, trace_id, state)
                        VALUES (event, kind, 1, product.id, told.version + 1, trace, state);
                    PERFORM set_config(
                        'eatit.events', concat_ws(',', nullif(current_setting('eatit.events', true), ''), event), true);
                END LOOP;
            END LOOP;
        END $$;
        REVOKE ALL ON FUNCTION store.announce_stock(uuid[], text) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION store.announce_stock(uuid[], text) TO eatit_store, eatit_store_functions;
    """)


def _reserve() -> None:
    op.execute("""
        CREATE FUNCTION store.reserve(
            order_id uuid, lines jsonb, warehouse_id uuid DEFAULT NULL,
            latitude double precision DEFAULT NULL, longitude double precision DEFAULT NULL, trace text DEFAULT ''
        ) RETURNS TABLE (reserved boolean, in_warehouse uuid, product uuid, quantity numeric, available numeric)
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, store, pg_temp AS $$
        #variable_conflict use_column
        DECLARE
            chosen uuid;
            short integer;
            wanted_ids uuid[];
            wanted_quantities numeric[];
        BEGIN
            SELECT array_agg(l.product_id ORDER BY l.product_id), array_agg(l.quantity ORDER BY l.product_id)
                INTO wanted_ids, wanted_quantities
                FROM jsonb_to_recordset(reserve.lines) AS l(product_id uuid, quantity numeric);
            IF wanted_ids IS NULL
                OR cardinality(wanted_ids) <> (SELECT count(DISTINCT id) FROM unnest(wanted_ids) AS id)
                OR EXISTS (SELECT FROM unnest(wanted_ids, wanted_quantities) AS l(id, q)
                           WHERE l.id IS NULL OR l.q IS NULL OR l.q <= 0 OR l.q <> round(l.q, 3))
            THEN
                RAISE EXCEPTION 'lines must name each product once, with a positive quantity'
                    USING ERRCODE = 'invalid_parameter_value';
            END IF;

            -- Whoever comes second with the same order waits here, and is told what the first one got.
            INSERT INTO store.reservations (order_id) VALUES (reserve.order_id) ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                RETURN QUERY
                    SELECT r.state <> 'released', r.warehouse_id, l.product_id, l.quantity::numeric, NULL::numeric
                    FROM store.reservations r JOIN store.reserved_lines l ON l.order_id = r.order_id
                    WHERE r.order_id = reserve.order_id ORDER BY l.product_id;
                RETURN;
            END IF;

            PERFORM 1 FROM store.stock s JOIN store.warehouses w ON w.id = s.warehouse_id AND w.active
                WHERE s.product_id = ANY(wanted_ids)
                    AND (reserve.warehouse_id IS NULL OR s.warehouse_id = reserve.warehouse_id)
                ORDER BY s.product_id, s.warehouse_id FOR UPDATE OF s;

            SELECT c.id, c.short INTO chosen, short FROM (
                SELECT w.id, w.code,
                    store.distance(w.latitude, w.longitude, reserve.latitude, reserve.longitude) AS far,
                    (SELECT count(*) FROM unnest(wanted_ids, wanted_quantities) AS l(id, q)
                     WHERE store.sellable(l.id, w.id) < l.q) AS short,
                    (SELECT sum(greatest(l.q - store.sellable(l.id, w.id), 0))
                     FROM unnest(wanted_ids, wanted_quantities) AS l(id, q)) AS missing
                FROM store.warehouses w
                WHERE w.active AND (reserve.warehouse_id IS NULL OR w.id = reserve.warehouse_id)
            ) AS c ORDER BY c.short, c.missing, c.far NULLS LAST, c.code LIMIT 1;

            IF chosen IS NULL OR short > 0 THEN
                DELETE FROM store.reservations r WHERE r.order_id = reserve.order_id;
                RETURN QUERY
                    SELECT false, chosen, l.id, l.q,
                        CASE WHEN chosen IS NULL THEN 0 ELSE store.sellable(l.id, chosen) END
                    FROM unnest(wanted_ids, wanted_quantities) AS l(id, q)
                    WHERE chosen IS NULL OR store.sellable(l.id, chosen) < l.q ORDER BY l.id;
                RETURN;
            END IF;

            UPDATE store.reservations r SET warehouse_id = chosen WHERE r.order_id = reserve.order_id;
            INSERT INTO store.reserved_lines (order_id, product_id, quantity)
                SELECT reserve.order_id, l.id, l.q FROM unnest(wanted_ids, wanted_quantities) AS l(id, q);
            UPDATE store.stock s SET reserved = s.reserved + l.q
                FROM unnest(wanted_ids, wanted_quantities) AS l(id, q)
                WHERE s.product_id = l.id AND s.warehouse_id = chosen;
            PERFORM store.announce_stock(wanted_ids, reserve.trace);
            RETURN QUERY
                SELECT true, chosen, l.id, l.q, NULL::numeric
                FROM unnest(wanted_ids, wanted_quantities) AS l(id, q) ORDER BY l.id;
        END $$;

        -- What of a product may be promised out of a warehouse: nothing of one that isn't sold.
        CREATE FUNCTION store.sellable(product uuid, warehouse uuid) RETURNS numeric LANGUAGE sql STABLE
        SET search_path = pg_catalog, store, pg_temp AS $$
            SELECT coalesce((SELECT s.on_hand - s.reserved FROM store.stock s
                JOIN store.products p ON p.id = s.product_id AND p.status = 'active'
                WHERE s.product_id = product AND s.warehouse_id = warehouse), 0)
        $$;
        -- Kilometres along a great circle (haversine); null where either place is unknown.
        CREATE FUNCTION store.distance(
            lat1 double precision, lon1 double precision, lat2 double precision, lon2 double precision
        ) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
            SELECT 2 * 6371.0088 * asin(sqrt(least(1, power(sind((lat2 - lat1) / 2), 2)
                + cosd(lat1) * cosd(lat2) * power(sind((lon2 - lon1) / 2), 2))))
        $$;
        REVOKE ALL ON FUNCTION store.sellable(uuid, uuid) FROM PUBLIC;
        REVOKE ALL ON FUNCTION store.distance(double precision, double precision, double precision, double precision)
            FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION store.sellable(uuid, uuid) TO eatit_store, eatit_store_functions;
        GRANT EXECUTE ON FUNCTION
            store.distance(double precision, double precision, double precision, double precision)
            TO eatit_store, eatit_store_functions;
    """)


def _release_and_sell() -> None:
    """Both end a reservation once; said again, or of an order that reserved nothing, they change nothing."""
    op.execute("""
        CREATE FUNCTION store.release(order_id uuid, trace text DEFAULT '') RETURNS boolean
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, store, pg_temp AS $$
        #variable_conflict use_column
        DECLARE
            place uuid;
        BEGIN
            UPDATE store.reservations r SET state = 'released', ended_at = now()
                WHERE r.order_id = release.order_id AND r.state = 'reserved' RETURNING r.warehouse_id INTO place;
            IF NOT FOUND THEN
                RETURN false;
            END IF;
            PERFORM store.lock_lines(release.order_id, place);
            UPDATE store.stock s SET reserved = s.reserved - l.quantity FROM store.reserved_lines l
                WHERE l.order_id = release.order_id AND s.product_id = l.product_id AND s.warehouse_id = place;
            PERFORM store.announce_stock(store.lines_of(release.order_id), release.trace);
            RETURN true;
        END $$;

        CREATE FUNCTION store.sell(order_id uuid, trace text DEFAULT '') RETURNS boolean
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, store, pg_temp AS $$
        #variable_conflict use_column
        DECLARE
            place uuid;
        BEGIN
            UPDATE store.reservations r SET state = 'sold', ended_at = now()
                WHERE r.order_id = sell.order_id AND r.state = 'reserved' RETURNING r.warehouse_id INTO place;
            IF NOT FOUND THEN
                RETURN false;
            END IF;
            PERFORM store.lock_lines(sell.order_id, place);
            UPDATE store.stock s SET on_hand = s.on_hand - l.quantity, reserved = s.reserved - l.quantity
                FROM store.reserved_lines l
                WHERE l.order_id = sell.order_id AND s.product_id = l.product_id AND s.warehouse_id = place;
            INSERT INTO store.movements (id, kind, product_id, warehouse_id, quantity, reason, order_id, trace_id)
                SELECT events.new_id(), 'sale', l.product_id, place, l.quantity, 'order', sell.order_id, sell.trace
                FROM store.reserved_lines l WHERE l.order_id = sell.order_id ORDER BY l.product_id;
            PERFORM store.announce_stock(store.lines_of(sell.order_id), sell.trace);
            RETURN true;
        END $$;

        CREATE FUNCTION store.lines_of(order_id uuid) RETURNS uuid[] LANGUAGE sql STABLE
        SET search_path = pg_catalog, store, pg_temp AS $$
            SELECT array_agg(l.product_id ORDER BY l.product_id) FROM store.reserved_lines l
            WHERE l.order_id = lines_of.order_id
        $$;
        CREATE FUNCTION store.lock_lines(order_id uuid, warehouse uuid) RETURNS void LANGUAGE sql VOLATILE
        SET search_path = pg_catalog, store, pg_temp AS $$
            SELECT FROM store.stock s
            WHERE s.warehouse_id = warehouse AND s.product_id = ANY(store.lines_of(lock_lines.order_id))
            ORDER BY s.product_id, s.warehouse_id FOR UPDATE
        $$;
        REVOKE ALL ON FUNCTION store.lines_of(uuid), store.lock_lines(uuid, uuid) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION store.lines_of(uuid), store.lock_lines(uuid, uuid) TO eatit_store_functions;
    """)


def _offered_to_the_basket() -> None:
    """With their owner's rights, for the basket's role alone. The owner must hold CREATE on the schema for the moment
    in which it is handed the functions."""
    offered = (
        "store.reserve(uuid, jsonb, uuid, double precision, double precision, text)",
        "store.release(uuid, text)",
        "store.sell(uuid, text)",
    )
    op.execute("""
        GRANT SELECT, UPDATE ON store.stock, store.stock_versions TO eatit_store_functions;
        GRANT INSERT ON store.stock_versions, store.movements TO eatit_store_functions;
        GRANT SELECT, INSERT, UPDATE, DELETE ON store.reservations TO eatit_store_functions;
        GRANT SELECT, INSERT ON store.reserved_lines TO eatit_store_functions;
        GRANT CREATE ON SCHEMA store TO eatit_store_functions;
    """)
    for function in offered:
        op.execute(f"""
            REVOKE ALL ON FUNCTION {function} FROM PUBLIC;
            GRANT EXECUTE ON FUNCTION {function} TO eatit_basket;
            ALTER FUNCTION {function} OWNER TO eatit_store_functions;
        """)
    op.execute("REVOKE CREATE ON SCHEMA store FROM eatit_store_functions")
