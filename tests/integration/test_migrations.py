"""Migrations on a shop that is full and open: readers aren't locked out, and what they make is what tables.py says."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from auth.tables import metadata as auth
from basket.tables import metadata as basket
from eatit.outbox import outbox
from eatit.settings import settings
from localstack.processes import Processes
from localstack.servers import postgres
from operations.migrate import FUNCTIONS_OWNER, ROLES, VERSIONS_SCHEMA, _configuration, upgrade
from store.tables import metadata as store
from tests.unit.conftest import ENVIRONMENT

BEFORE_SIGN_IN = "0004"
PRODUCTS = 30_000
LONGEST_WAIT = 1.0
# What the pages of the shop read.
READS = (
    "SELECT p.*, u.code FROM store.products p JOIN store.units u ON u.id = p.unit_id ORDER BY name_key, p.id LIMIT 20",
    "SELECT p.*, EXISTS (SELECT FROM store.stock s JOIN store.warehouses w ON w.id = s.warehouse_id"
    " WHERE s.product_id = p.id AND s.on_hand > s.reserved AND w.active)"
    " FROM store.products p WHERE p.sku = 'sku-77'",
    "SELECT * FROM store.categories",
    "SELECT * FROM auth.users WHERE email = '77@example.org'",
)
FILLING = f"""
    INSERT INTO auth.users (id, email, language)
        SELECT gen_random_uuid(), n || '@example.org', 'ru' FROM generate_series(1, 5000) n;
    INSERT INTO auth.sessions (id, user_id) SELECT gen_random_uuid(), id FROM auth.users, generate_series(1, 4);
    INSERT INTO store.units (id, code, name, dimension, factor)
        VALUES (gen_random_uuid(), 'kg', 'килограмм', 'mass', 1000);
    INSERT INTO store.categories (id, name, slug) SELECT gen_random_uuid(), n, n FROM generate_series(1, 50) n;
    INSERT INTO store.warehouses (id, code, name, address)
        SELECT gen_random_uuid(), 'w' || n, 'Склад', 'Тверская' FROM generate_series(1, 3) n;
    INSERT INTO store.products (id, sku, name, name_key, category_id, unit_id, pack_size, quantity_step, min_quantity,
            price_amount, currency, sold_by, unit_price_amount, unit_price_per, status)
        SELECT gen_random_uuid(), 'sku-' || n, 'Молоко топлёное ' || n, 'молоко топленое ' || n,
            (SELECT id FROM store.categories ORDER BY slug LIMIT 1), (SELECT id FROM store.units), 1, 1, 1,
            n, 'RUB', 'weight', n, 'kg', 'active' FROM generate_series(1, {PRODUCTS}) n;
    INSERT INTO store.stock (product_id, warehouse_id, on_hand)
        SELECT p.id, w.id, 5 FROM store.products p, store.warehouses w;
    INSERT INTO store.stock_versions (product_id, version) SELECT id, 1 FROM store.products;
"""


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings as on some deployment: what migrations read of them."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def empty(tmp_path: Path, deployment: None) -> Iterator[str]:
    """The owner's URL of an empty database, on a server of its own with the roles that migrations grant to."""
    (tmp_path / "logs").mkdir()
    tmp_path.chmod(0o755)
    processes = Processes(tmp_path)
    try:
        url, _ = postgres.own_database(postgres.start(processes, secrets.token_hex(16)), secrets.token_hex(16))
        with psycopg.connect(url, autocommit=True) as owner:
            for role in (*(f"eatit_{name}" for name in ROLES), FUNCTIONS_OWNER):
                owner.execute(f"CREATE ROLE {role} NOLOGIN".encode())
            owner.execute(f"GRANT {FUNCTIONS_OWNER} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE".encode())
            owner.execute(f"CREATE SCHEMA {VERSIONS_SCHEMA}".encode())
        yield url
    finally:
        processes.end()


def _connected(url: str) -> Any:
    return create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool).connect()


class Reader(threading.Thread):
    """Reads the shop's pages one after the other, and notes how long the longest took."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._enough = threading.Event()
        self.reads = 0
        self.longest = (0.0, "")
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True, prepare_threshold=None) as connection:
                while not self._enough.is_set():
                    for read in READS:
                        began = time.monotonic()
                        assert connection.execute(read.encode()).fetchall()
                        self.longest = max(self.longest, (time.monotonic() - began, read))
                        self.reads += 1
        except Exception as error:
            self.error = error

    def stop(self) -> None:
        self._enough.set()
        self.join()


def _fill(url: str) -> None:
    with _connected(url) as connection:
        command.upgrade(_configuration(connection), BEFORE_SIGN_IN)
        connection.commit()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(FILLING.encode())
        owner.execute("ANALYZE")


def test_a_full_shop_is_brought_forward_while_its_readers_read(empty: str) -> None:
    _fill(empty)
    reader = Reader(empty)
    reader.start()
    try:
        with _connected(empty) as connection:
            upgrade(connection)
    finally:
        reader.stop()
    assert reader.error is None
    assert reader.reads > 50
    assert reader.longest < (LONGEST_WAIT, ""), reader.longest
    with psycopg.connect(empty) as owner:
        for table, count in (
            ("movements", 3 * PRODUCTS),
            ("prices", PRODUCTS),
            ("stock_versions WHERE available = 5", PRODUCTS),
        ):
            found = owner.execute(f"SELECT count(*) FROM store.{table}".encode()).fetchone()
            assert found == (count,), table


def test_a_long_read_holds_up_the_migration_and_not_the_readers_behind_it(empty: str) -> None:
    """Whoever waits for a table's exclusive lock makes all wait that come later."""
    _fill(empty)
    reader = Reader(empty)
    with psycopg.connect(empty) as long, _connected(empty) as connection:
        long.execute("SELECT count(*) FROM store.products, store.units, auth.users WHERE email = '1@example.org'")
        reader.start()
        migration = threading.Thread(target=upgrade, args=(connection,))
        migration.start()
        migration.join(3)
        assert migration.is_alive()
        long.rollback()
        migration.join(60)
        assert not migration.is_alive()
        reader.stop()
        assert reader.error is None
        assert reader.longest < (LONGEST_WAIT, ""), reader.longest
        found = _differences(connection)
        assert found == [], "\n".join(map(repr, found))


def test_autogenerate_finds_no_difference(empty: str) -> None:
    with _connected(empty) as connection:
        upgrade(connection)
        found = _differences(connection)
        assert found == [], "\n".join(map(repr, found))


def _differences(connection: Connection) -> list[Any]:
    schemas = {"auth", "store", "basket", "events"}

    def included(name: str | None, kind: str, _parents: Any) -> bool:
        return kind != "schema" or name in schemas

    options = {
        "include_schemas": True,
        "include_name": included,
        "compare_type": True,
        "compare_server_default": True,
        "version_table_schema": VERSIONS_SCHEMA,
    }
    context = MigrationContext.configure(connection, opts=options)
    described: Any = [auth, store, basket, outbox.metadata]  # Alembic takes several, and its types don't say so
    return list(compare_metadata(context, described))
