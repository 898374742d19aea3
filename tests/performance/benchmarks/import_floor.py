"""What Postgres must do for an import's rows, whatever makes them.

The least: ready-made rows into tables like ours, a product's own row with its indexes and references, its price, its
search text and its event, a thousand to a transaction. Nothing is checked, looked up, stemmed or made; the tables are
empty, so their indexes are small. And what it does: the import's own statements, whose goods were made ready before.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import psycopg

CHUNK_ROWS = 1000
_PREPARED = """
    DROP SCHEMA IF EXISTS floor CASCADE;
    CREATE SCHEMA floor;
    CREATE TABLE floor.products (LIKE store.products INCLUDING ALL);
    ALTER TABLE floor.products ADD FOREIGN KEY (category_id) REFERENCES store.categories;
    ALTER TABLE floor.products ADD FOREIGN KEY (unit_id) REFERENCES store.units;
    CREATE TABLE floor.prices (LIKE store.prices INCLUDING ALL);
    ALTER TABLE floor.prices ADD FOREIGN KEY (product_id) REFERENCES floor.products;
    CREATE TABLE floor.search_texts (LIKE store.search_texts INCLUDING ALL);
    ALTER TABLE floor.search_texts ADD FOREIGN KEY (product_id) REFERENCES floor.products ON DELETE CASCADE;
    CREATE TABLE floor.outbox (LIKE events.outbox INCLUDING ALL);
    CREATE TABLE floor.chosen AS
        SELECT id, row_number() OVER (ORDER BY id) / {chunk} AS chunk FROM store.products WHERE sku LIKE '{mark}-%';
    CREATE TABLE floor.ready_products AS
        SELECT c.chunk, p.* FROM store.products p JOIN floor.chosen c USING (id) ORDER BY p.id;
    CREATE TABLE floor.ready_prices AS
        SELECT c.chunk, p.* FROM store.prices p JOIN floor.chosen c ON c.id = p.product_id ORDER BY c.id;
    CREATE TABLE floor.ready_search_texts AS
        SELECT c.chunk, p.* FROM store.search_texts p JOIN floor.chosen c ON c.id = p.product_id ORDER BY c.id;
    CREATE TABLE floor.ready_outbox AS
        SELECT c.chunk, p.* FROM events.outbox p JOIN floor.chosen c ON c.id = p.aggregate_id ORDER BY c.id;
    UPDATE floor.ready_outbox SET published_at = NULL;
    CREATE INDEX ON floor.ready_products (chunk);
    CREATE INDEX ON floor.ready_prices (chunk);
    CREATE INDEX ON floor.ready_search_texts (chunk);
    CREATE INDEX ON floor.ready_outbox (chunk);
    ANALYZE floor.ready_products, floor.ready_prices, floor.ready_search_texts, floor.ready_outbox;
"""
TABLES = ("products", "prices", "search_texts", "outbox")


def floor(sql: psycopg.Connection[Any], mark: str, rows: int) -> tuple[float, float]:
    """Seconds for all of it, and for the products' own rows alone. `sql`: the owner's, in autocommit; `mark`: what the
    SKUs of goods that were just imported begin with."""
    sql.execute(_PREPARED.format(chunk=CHUNK_ROWS, mark=mark).encode())
    try:
        names = {table: ", ".join(name for (name,) in sql.execute(_COLUMNS, [table]).fetchall()) for table in TABLES}
        alone = 0.0
        begun = time.perf_counter()
        for chunk in range(rows // CHUNK_ROWS + 1):
            with sql.transaction():
                for table in TABLES:
                    since = time.perf_counter()
                    sql.execute(
                        f"INSERT INTO floor.{table} ({names[table]})"
                        f" SELECT {names[table]} FROM floor.ready_{table} WHERE chunk = %s".encode(),
                        [chunk],
                    )
                    if table == "products":
                        alone += time.perf_counter() - since
        seconds = time.perf_counter() - begun
        for table in TABLES:
            put = sql.execute(f"SELECT count(*) FROM floor.{table}".encode()).fetchone()
            assert put == (rows,), (table, put)
        return seconds, alone
    finally:
        sql.execute("DROP SCHEMA floor CASCADE")


def statements(content: bytes) -> float:
    """Seconds that the import's own transactions take to write this CSV of ours, all else done before."""
    from store.database import database
    from store.import_goods import Wanted
    from store.import_prepared import prepare
    from store.import_records import find_form, records
    from store.import_rows import Plan, Row, defaults, plan_of, read_row, required_fields
    from store.import_upsert import upsert

    form = find_form([content], "text/csv", encoding=None, delimiter=None)
    plan = plan_of(form, {})
    assert isinstance(plan, Plan)
    wanted = []
    for number, record in enumerate(records([content[form.start :]], form, form.start), 2):
        row = read_row(plan, record, number)
        assert isinstance(row, Row), row
        wanted.append(Wanted(number, row.given, row.category, row.unit, number.to_bytes(16)))
    new: dict[str, Any] = {"required": required_fields(), "defaults": defaults()}
    chunks = [wanted[start : start + CHUNK_ROWS] for start in range(0, len(wanted), CHUNK_ROWS)]
    ready = [(chunk, prepare(database.rows, chunk, **new)) for chunk in chunks]
    begun = time.perf_counter()
    for chunk, prepared in ready:
        database.transaction(partial(upsert, rows=chunk, prepared=prepared, **new))
    return time.perf_counter() - begun


_COLUMNS = """
    SELECT column_name::text FROM information_schema.columns
    WHERE table_schema = 'floor' AND table_name = %s ORDER BY ordinal_position
"""
