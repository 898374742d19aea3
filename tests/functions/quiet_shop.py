"""A shop beside the tests' own, for what looks at all there is: a Postgres of its own, another of Redis's databases,
and no broker, so that its events leave when the test delivers them and not before."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg

from localstack.ports import free_port
from localstack.processes import Processes
from localstack.servers import postgres
from tests.functions.conftest import _forget
from tests.functions.events import Context, rmq_event

PASSWORD = "of-a-server-that-ends-with-the-test"
REDIS_DATABASE = "/7"
HEARD = ("store.product.changed", "store.product.archived", "store.stock.changed")


@dataclass(frozen=True)
class QuietShop:
    """`admin` is its database in autocommit, as the server's superuser."""

    admin: "psycopg.Connection[Any]"
    url: str

    def deliver(self) -> int:
        """Take all that waits to where it is heard, and mark it as published → how many events."""
        from basket.product_sync import handler

        rows = self.admin.execute(
            """SELECT id, type, schema_version, aggregate_id, version, occurred_at, trace_id, state FROM events.outbox
            WHERE published_at IS NULL ORDER BY id"""
        ).fetchall()
        names = ("id", "type", "schema_version", "aggregate_id", "version", "occurred_at", "trace_id", "state")
        events = [dict(zip(names, row, strict=True)) for row in rows]
        bodies = [json.dumps(event, default=str).encode() for event in events if event["type"] in HEARD]
        told = handler(rmq_event(*bodies), Context())
        assert told["parked"] == 0
        ids = [event["id"] for event in events]
        self.admin.execute("UPDATE events.outbox SET published_at = now() WHERE id = ANY(%s)", [ids])
        return len(events)


@contextmanager
def quiet_shop(directory: Path, stack: dict[str, Any]) -> Iterator[QuietShop]:
    """Such a shop, the functions of this process standing in it until the end."""
    (directory / "logs").mkdir()
    directory.chmod(0o755)
    processes = Processes(directory)
    before = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL", "AMQP_URL")}
    try:
        server = postgres.start(processes, PASSWORD)
        owner = unquote(urlsplit(stack["database_url"]).password or "")
        url, _ = postgres.own_database(server, owner)
        place = urlsplit(url)
        os.environ["DATABASE_URL"] = f"postgresql://{place.hostname}:{place.port}{place.path}"
        os.environ["REDIS_URL"] = urlunsplit(urlsplit(before["REDIS_URL"])._replace(path=REDIS_DATABASE))
        os.environ["AMQP_URL"] = urlunsplit(urlsplit(before["AMQP_URL"])._replace(netloc=f"127.0.0.1:{free_port()}"))
        _forget()
        from operations.migrate import migrate_database

        migrate_database()
        own = urlunsplit(urlsplit(server)._replace(path=place.path))
        with psycopg.connect(own, autocommit=True) as admin:
            yield QuietShop(admin, own)
    finally:
        os.environ.update(before)
        _forget()
        processes.end()
