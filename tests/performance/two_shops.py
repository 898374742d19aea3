"""Two databases beside the shop's own, alike but for the number of their products, to time the same things in turn."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg

from tests.performance.many_products import PREFIX, fill

FEW, MANY = 1_000, 1_000_000


@contextmanager
def two_shops(stack: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The URLs of a database of a thousand and one of a million products, as the functions take them (DATABASE_URL),
    on the local stack's Postgres. They are dropped at the end; `EATIT_KEEP_SHOPS=1` keeps them for the next run.

    Raises `FileNotFoundError` for a stack whose Postgres is somebody else's.
    """
    password = json.loads((Path(stack["mail_dir"]).parent / "secrets.json").read_text())["postgres"]
    parts = urlsplit(stack["database_url"])
    postgres = f"postgresql://postgres:{quote(password)}@{parts.hostname}:{parts.port}/postgres"
    made: list[str] = []
    with psycopg.connect(postgres, autocommit=True) as connection:
        try:
            for name, count in (("eatit_few", FEW), ("eatit_many", MANY)):
                made.append(name)
                _made(connection, stack, name, count)
            own = stack["environment"]["DATABASE_URL"]
            yield own.rpartition("/")[0] + "/eatit_few", own.rpartition("/")[0] + "/eatit_many"
        finally:
            for name in made if os.environ.get("EATIT_KEEP_SHOPS") != "1" else ():
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def _made(connection: psycopg.Connection[Any], stack: Mapping[str, Any], name: str, count: int) -> None:
    url = stack["database_url"].rpartition("/")[0] + "/" + name
    if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None:
        with psycopg.connect(url) as there:
            last = there.execute("SELECT max(sku) FROM store.products").fetchone()
            if last == (f"{PREFIX}{count:08d}",):
                return
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    connection.execute(f"CREATE DATABASE {name} OWNER eatit_owner".encode())
    with at(stack["environment"]["DATABASE_URL"].rpartition("/")[0] + "/" + name):
        from operations.migrate import migrate_database

        migrate_database()
    with psycopg.connect(url, autocommit=True) as there:
        fill(there, count)


@contextmanager
def at(url: str) -> Iterator[None]:
    """Databases that are opened here meanwhile are opened at `url`."""
    from eatit.settings import settings

    before = os.environ["DATABASE_URL"]
    os.environ["DATABASE_URL"] = url
    settings.cache_clear()
    try:
        yield
    finally:
        os.environ["DATABASE_URL"] = before
        settings.cache_clear()
