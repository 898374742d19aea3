"""Lists and searches whose work doesn't grow with the shop: few products are found without their rows, and the matches
of common words in an eighth of the products."""

from alembic import op

revision = "0013"
down_revision = "0012"

# The last byte of a product's id is random.
INDEXES = {
    "products_by_price": "store.products (price_amount, id) INCLUDE (status, name_key)",
    "search_texts_sample": "store.search_texts USING gin (document) WITH (gin_pending_list_limit = 512)"
    " WHERE get_byte(uuid_send(product_id), 15) < 32",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, on in INDEXES.items():
            # What an interrupted run left behind is of no use and in the way.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS store.{name}_new")
            op.execute(f"CREATE INDEX CONCURRENTLY {name}_new ON {on}")
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS store.{name}")
            op.execute(f"ALTER INDEX store.{name}_new RENAME TO {name}")
    _named()
    _matches()


def _named() -> None:
    """What a list's words find, by the index of search however many Postgres thinks they are. A status that isn't
    active is in the product's own row alone."""
    op.execute("""
        CREATE OR REPLACE FUNCTION store.named(query tsquery, most integer) RETURNS TABLE (
            id uuid, status text, category_id uuid, name_key text, price_amount bigint, allergens text[])
        LANGUAGE sql STABLE ROWS 1000 SET search_path = pg_catalog, store, pg_temp
        SET enable_seqscan = off SET max_parallel_workers_per_gather = 0 SET work_mem = '32MB' AS $$
            SELECT product_id, CASE WHEN active THEN 'active' END, category_id, name_key, price_amount, allergens
            FROM search_texts WHERE document @@ query LIMIT most
        $$;
        REVOKE ALL ON FUNCTION store.named(tsquery, integer) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION store.named(tsquery, integer) TO eatit_store;
    """)


def _matches() -> None:
    """As migration 0011 has it, but that more matches than are taken are looked for in the sample first: to intersect
    the lists of several common words costs an eighth there. Where the sample hasn't enough all are looked through."""
    op.execute("""
        CREATE OR REPLACE FUNCTION store.search_matches(
            query tsquery, code text, key text, key_end text, below uuid[], every boolean, most integer)
        RETURNS TABLE (product_id uuid, score bigint, category_id uuid, price_amount bigint, allergens text[])
        LANGUAGE plpgsql STABLE
        SET search_path = pg_catalog, store, pg_temp
        SET enable_seqscan = off SET max_parallel_workers_per_gather = 0 SET work_mem = '32MB' AS $$
        DECLARE
            named tsquery := in_names(query);
            -- What follows from the words in names alone needn't be looked up twice: all but phrases and exclusions.
            in_text tsquery := CASE WHEN query::text ~ '[<!]' THEN query ELSE ''::tsquery END;
            here tsquery := ''::tsquery;
            got integer := 0;
            full_already boolean := false;
        BEGIN
            IF cardinality(below) BETWEEN 1 AND 200 THEN
                here := (SELECT string_agg(format('''#%s''', id), ' | ') FROM unnest(below) AS id)::tsquery;
            END IF;
            IF code <> '' THEN
                RETURN QUERY SELECT t.product_id, 4000000::bigint, t.category_id, t.price_amount, t.allergens
                    FROM search_texts t
                    WHERE t.document @@ format('''@%s''', code)::tsquery
                        AND (t.active OR every) AND (below IS NULL OR t.category_id = ANY (below))
                    ORDER BY t.product_id LIMIT 100;
            END IF;
            -- Of several words seldom so many match that some must be left out: they are looked up once.
            IF numnode(query) > 1 AND (key = '' OR position(' ' IN key) > 0) THEN
                RETURN QUERY SELECT t.product_id, search_score(t, query, named, key), t.category_id, t.price_amount,
                        t.allergens
                    FROM search_texts t
                    WHERE t.document @@ (query && here) AND (t.active OR every)
                        AND (below IS NULL OR t.category_id = ANY (below))
                        AND get_byte(uuid_send(t.product_id), 15) < 32
                    LIMIT most;
                GET DIAGNOSTICS got = ROW_COUNT;
                IF got < most THEN
                    RETURN QUERY SELECT t.product_id, search_score(t, query, named, key), t.category_id,
                            t.price_amount, t.allergens
                        FROM search_texts t
                        WHERE t.document @@ (query && here) AND (t.active OR every)
                            AND (below IS NULL OR t.category_id = ANY (below))
                        LIMIT most;
                    GET DIAGNOSTICS got = ROW_COUNT;
                END IF;
                IF got BETWEEN 1 AND most - 1 THEN
                    RETURN;
                END IF;
                full_already := got >= most;
            END IF;
            got := 0;
            -- A category's own names that begin so aren't beside each other in the index.
            IF key <> '' AND (below IS NULL OR numnode(query) = 0) THEN
                RETURN QUERY SELECT t.product_id, search_score(t, query, named, key), t.category_id, t.price_amount,
                        t.allergens
                    FROM (
                        (SELECT * FROM search_texts n WHERE n.active AND n.name_key >= key AND n.name_key < key_end
                            ORDER BY n.name_key, n.product_id LIMIT most)
                        UNION ALL
                        (SELECT * FROM search_texts o WHERE o.active AND o.other_key IS NOT NULL
                            AND o.other_key >= key AND o.other_key < key_end
                            AND NOT (o.name_key >= key AND o.name_key < key_end)
                            ORDER BY o.other_key, o.product_id LIMIT most)
                    ) t
                    WHERE below IS NULL OR t.category_id = ANY (below)
                    LIMIT most;
                GET DIAGNOSTICS got = ROW_COUNT;
            END IF;
            IF numnode(query) > 0 AND got < most THEN
                most := most - got;
                RETURN QUERY SELECT t.product_id, search_score(t, query, named, key), t.category_id, t.price_amount,
                        t.allergens
                    FROM search_texts t
                    WHERE t.document @@ (in_text && named && here) AND (t.active OR every)
                        AND (below IS NULL OR t.category_id = ANY (below))
                        AND (key = '' OR (t.name_key ^@ key OR coalesce(t.other_key ^@ key, false)) IS FALSE
                            OR every OR below IS NOT NULL)
                        AND get_byte(uuid_send(t.product_id), 15) < 32
                    LIMIT most;
                GET DIAGNOSTICS got = ROW_COUNT;
                IF got < most THEN
                    RETURN QUERY SELECT t.product_id, search_score(t, query, named, key), t.category_id,
                            t.price_amount, t.allergens
                        FROM search_texts t
                        WHERE t.document @@ (in_text && named && here) AND (t.active OR every)
                            AND (below IS NULL OR t.category_id = ANY (below))
                            AND (key = '' OR (t.name_key ^@ key OR coalesce(t.other_key ^@ key, false)) IS FALSE
                                OR every OR below IS NOT NULL)
                        LIMIT most;
                    GET DIAGNOSTICS got = ROW_COUNT;
                END IF;
                most := CASE WHEN full_already THEN 0 ELSE most - got END;
                IF most > 0 THEN
                    RETURN QUERY SELECT t.product_id, search_score(t, query, named, key), t.category_id,
                            t.price_amount, t.allergens
                        FROM search_texts t
                        WHERE t.document @@ (query && here && !!named) AND (t.active OR every)
                            AND (below IS NULL OR t.category_id = ANY (below))
                            AND get_byte(uuid_send(t.product_id), 15) < 32
                        LIMIT most;
                    GET DIAGNOSTICS got = ROW_COUNT;
                    IF got < most THEN
                        RETURN QUERY SELECT t.product_id, search_score(t, query, named, key), t.category_id,
                                t.price_amount, t.allergens
                            FROM search_texts t
                            WHERE t.document @@ (query && here && !!named) AND (t.active OR every)
                                AND (below IS NULL OR t.category_id = ANY (below))
                            LIMIT most;
                    END IF;
                END IF;
            END IF;
        END $$;
    """)
