"""The products that a list's words narrow to, by the index of search however many Postgres thinks they are."""

from alembic import op

revision = "0014"
down_revision = "0012"


def upgrade() -> None:
    """`status` is null where it isn't active: then it is in the product's own row alone."""
    op.execute("""
        CREATE FUNCTION store.named(query tsquery, most integer) RETURNS TABLE (
            id uuid, status text, category_id uuid, name_key text, price_amount bigint, allergens text[])
        LANGUAGE sql STABLE ROWS 1000 SET search_path = pg_catalog, store, pg_temp
        SET enable_seqscan = off SET max_parallel_workers_per_gather = 0 SET work_mem = '32MB' AS $$
            SELECT product_id, CASE WHEN active THEN 'active' END, category_id, name_key, price_amount, allergens
            FROM search_texts WHERE document @@ query LIMIT most
        $$;
        REVOKE ALL ON FUNCTION store.named(tsquery, integer) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION store.named(tsquery, integer) TO eatit_store;
    """)
