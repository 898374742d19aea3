"""The worker that brings a deployment's database and broker to this version: roles, migrations, queues.

Run at every deployment, before its functions are used; it may run twice, or two at once, without harm.
"""

import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from psycopg import errors as postgres
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from eatit.broker import connection_parameters, declare_topology
from eatit.observability import logger
from eatit.secrets import secret
from eatit.settings import settings

GROUPS = ("auth", "store", "basket")
ROLES = (*GROUPS, "operations")
FUNCTIONS_OWNER = "eatit_store_functions"
VERSIONS_SCHEMA = "operations"
LOCK_MILLISECONDS = 300
LOCK_TRIES = 60
LOCK_PAUSE_SECONDS = 0.5
_LOCK = 7163520914
_LIMITS = {
    **{group: {"statement_timeout": "5s", "lock_timeout": "2s"} for group in GROUPS},
    "operations": {"statement_timeout": "30s", "lock_timeout": "2s"},
}


def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Bring everything up to date → `{"revision": ..., "queues": [...]}`."""
    return {"revision": migrate_database(), "queues": declare_queues()}


def migrate_database() -> str:
    """Roles with the passwords of their secrets, then the migrations; the revision reached."""
    with _owner().connect() as connection:
        driver: psycopg.Connection[Any] = connection.connection.driver_connection
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
        try:
            for role in ROLES:
                _ensure_role(driver, role)
            _ensure_functions_owner(driver)
            driver.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(VERSIONS_SCHEMA)))
            connection.commit()
            upgrade(connection)
            revision = MigrationContext.configure(
                connection, opts={"version_table_schema": VERSIONS_SCHEMA}
            ).get_current_revision()
        finally:
            connection.rollback()
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
    logger.info("migrated", revision=revision)
    return str(revision)


def upgrade(connection: Connection) -> None:
    """The migrations, each in a transaction of its own, over the owner's connection.

    Whoever waits for a table's exclusive lock makes all readers wait that come later: so a migration gives up soon,
    lets them by, and tries again. Raises psycopg's `LockNotAvailable` when that never helps.
    """
    connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_MILLISECONDS}ms'")
    connection.commit()
    for attempt in range(LOCK_TRIES):
        try:
            command.upgrade(_configuration(connection), "head")
            connection.commit()
            return
        except DBAPIError as error:
            connection.rollback()
            if not isinstance(error.orig, postgres.LockNotAvailable) or attempt == LOCK_TRIES - 1:
                raise
            logger.info("a table is in use: the migration waits", attempt=attempt)
            time.sleep(LOCK_PAUSE_SECONDS)


def declare_queues() -> list[str]:
    """The exchange and the queues of the deployed consumers."""
    import pika

    connection = pika.BlockingConnection(connection_parameters(timeout=5))
    try:
        return declare_topology(connection)
    finally:
        connection.close()


def _owner() -> Any:
    login = secret("database/owner")
    parts = urlsplit(settings().database_url)

    def connect() -> Any:
        return psycopg.connect(
            host=parts.hostname,
            port=parts.port or 5432,
            dbname=parts.path.lstrip("/"),
            user=login["username"],
            password=login["password"],
            connect_timeout=5,
            application_name="eatit-migrate",
        )

    return create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)


def _configuration(connection: Connection) -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    configuration.attributes["connection"] = connection
    return configuration


def _ensure_role(driver: "psycopg.Connection[Any]", group: str) -> None:
    login = secret(f"database/{group}")
    name = sql.Identifier(login["username"])
    if not _exists(driver, login["username"]):
        driver.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
    # Hashed here, so that the password itself is in no statement and so in no log of the server.
    hashed = driver.pgconn.encrypt_password(
        login["password"].encode(), login["username"].encode(), b"scram-sha-256"
    ).decode()
    driver.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(hashed)))
    database = sql.Identifier(driver.info.dbname)
    driver.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    driver.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, name))
    limits = {**_LIMITS[group], "idle_in_transaction_session_timeout": "5s"}
    for setting, value in limits.items():
        driver.execute(sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value)))


def _ensure_functions_owner(driver: "psycopg.Connection[Any]") -> None:
    """The role that owns what the store offers to the basket: no login, no superuser, and ours to assign."""
    name = sql.Identifier(FUNCTIONS_OWNER)
    if not _exists(driver, FUNCTIONS_OWNER):
        driver.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
    grant = "GRANT {} TO CURRENT_USER"
    if driver.info.server_version >= 160000:
        grant += " WITH INHERIT FALSE, SET TRUE"
    driver.execute(sql.SQL(grant).format(name))


def _exists(driver: "psycopg.Connection[Any]", role: str) -> bool:
    return driver.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None
