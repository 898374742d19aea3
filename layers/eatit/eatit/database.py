"""Postgres: one warm connection an environment, autocommit reads, and one way to write: `Database.transaction`.

A Lambda environment serves one request at a time, so one connection is all it can use. It stays in autocommit: a read
costs one round trip. A write opens an explicit transaction on it. A connection found dead (frozen environment,
restarted server) is replaced once, silently, as long as nothing can have been committed.
"""

import select
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import orjson
import psycopg
from psycopg import errors as postgres
from psycopg.rows import namedtuple_row
from psycopg.types.json import set_json_loads
from sqlalchemy import ClauseElement, CursorResult, Executable, create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool

from eatit.errors import MisconfiguredError, Unavailable
from eatit.events import Event
from eatit.secrets import secret
from eatit.settings import settings

T = TypeVar("T")
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

CONNECT_SECONDS = 2
SILENT_SECONDS = 6.5  # beyond the groups' statement_timeout of 5 s, within their functions' 10 s
RETRIES = 2  # of a deadlock or a serialisation failure
YIELD_SECONDS = 0.03  # after a deadlock: whoever won must wake up and take the locks, or we'd meet again
_TRY_AGAIN = (postgres.DeadlockDetected, postgres.SerializationFailure)
_BUSY = (
    postgres.QueryCanceled,
    postgres.LockNotAvailable,
    postgres.TooManyConnections,
    postgres.ConfigurationLimitExceeded,
    postgres.ReadOnlySqlTransaction,
)
# A prepared statement that is gone or was overtaken by a migration, a primary that has become a standby: refused before
# it changed anything, so that even a write may be sent again, on another connection.
_NOT_BEGUN = (postgres.FeatureNotSupported, postgres.InvalidSqlStatementName, postgres.ReadOnlySqlTransaction)


class _Impatient(psycopg.Connection[Any]):
    """A connection that ends itself when the server stays silent: a stopped server would be waited for for ever."""

    silent_seconds: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """psycopg's, with a bound of our own."""
        try:
            return super().wait(gen, interval, timeout or self.silent_seconds)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


class Transaction:
    """An open transaction: statements go through it, and so do the events that it will publish."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.events: list[Event] = []

    def execute(self, statement: Executable, parameters: Parameters = None) -> CursorResult[Any]:
        """Run one SQLAlchemy Core statement."""
        return self._connection.execute(statement, parameters)

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """Run one statement in the driver's own form (see `Database.rows`)."""
        return self._connection.exec_driver_sql(sql, dict(parameters)).all()

    def run(self, sql: str, parameters: Mapping[str, Any]) -> int:
        """Run one statement in the driver's own form that gives no rows → how many it touched."""
        return self._connection.exec_driver_sql(sql, dict(parameters)).rowcount

    def copy(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Write rows by `COPY … FROM STDIN`. What the server refuses is psycopg's own error."""
        driver = self._connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with driver.cursor() as cursor, cursor.copy(sql.encode()) as copying:
            for row in rows:
                copying.write_row(row)


class Database:
    """The connection of one role. `role` names both the login (`<prefix>/database/<role>`) and its schema.

    `after_commit` is given the events of each committed transaction (see `eatit.outbox`). A server that leaves a
    statement unanswered for `silent_seconds` is taken for away: they must be more than the role's statement_timeout.
    """

    def __init__(
        self,
        role: str,
        *,
        after_commit: "Callable[[Database, list[Event]], None] | None" = None,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self.role = role
        self._silent_seconds = silent_seconds
        self._after_commit = after_commit
        self._connection: Connection | None = None
        self._opened: psycopg.Connection[Any] | None = None

    def read(self, statement: Executable, parameters: Parameters = None) -> CursorResult[Any]:
        """Run one statement that changes nothing, or nothing that matters twice, in autocommit and give its result.

        Raises `Unavailable` when the database can't be reached or took too long.
        """
        return self._attempt(lambda connection: connection.execute(statement, parameters))

    def write(self, statement: Executable, parameters: Parameters = None) -> CursorResult[Any]:
        """Run one statement that changes something, as a transaction of its own.

        Unlike `read` it is never sent twice: a connection that died while it was under way may have committed it.
        So one that died before is found first, without a round trip. Raises `Unavailable`.
        """
        if self._opened is not None and _has_ended(self._opened):
            self.close()
        return self._attempt(lambda connection: connection.execute(statement, parameters), again=False)

    def rows(self, sql: str, parameters: Mapping[str, Any], *, writes: bool = False) -> Sequence[Any]:
        """Like `read` (or `write`), for the hottest statements: SQL in the driver's own form, `%(name)s::type`.

        The rows are named tuples. Past SQLAlchemy, which costs a third of what the statement itself takes; so what the
        server refuses is psycopg's own error.
        """
        if writes and self._opened is not None and _has_ended(self._opened):
            self.close()

        def run(_: Connection) -> Sequence[Any]:
            with self._driver().cursor(row_factory=namedtuple_row) as cursor:
                return cursor.execute(sql.encode(), parameters).fetchall()

        return self._attempt(run, again=not writes)

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction, commit, publish the events that it left, and give what it gave.

        `work` may run more than once (a deadlock, a dead connection found before the commit), so it must do
        nothing but database work. Raises `Unavailable` when the database can't be reached, took too long, or went
        away during the commit: then the caller can't know whether it was done, and an idempotency key tells.
        """

        def committed(connection: Connection) -> tuple[T, list[Event]]:
            transaction = Transaction(connection)
            committing = False
            try:
                with self._driver().transaction():
                    result = work(transaction)
                    committing = True
            except Exception as error:
                # Lost in the commit, or by a read that `work` made beside it and that found itself another connection.
                if self._connection is not connection or (committing and isinstance(error, psycopg.Error)):
                    self.close()
                    raise Unavailable(what="database") from error
                raise
            return result, transaction.events

        for attempt in range(RETRIES + 1):
            try:
                result, events = self._attempt(committed)
            except DBAPIError as error:
                if not isinstance(error.orig, _TRY_AGAIN):
                    raise
                if attempt == RETRIES:
                    raise Unavailable(what="database") from error
                if isinstance(error.orig, postgres.DeadlockDetected):
                    time.sleep(YIELD_SECONDS * (attempt + 1))
                continue
            if events and self._after_commit:
                self._after_commit(self, events)
            return result
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        connection, driver = self._connection, self._opened
        self._connection = self._opened = None
        if connection is not None:
            connection.invalidate()
            connection.close()
        if driver is not None:
            driver.close()

    def _driver(self) -> "psycopg.Connection[Any]":
        if self._opened is None:
            raise Unavailable(what="database")
        return self._opened

    def _attempt(self, run: Callable[[Connection], T], *, again: bool = True) -> T:
        for last in (False, True):
            connection = self._connection or self._connect()
            try:
                return run(connection)
            except (DBAPIError, psycopg.Error) as error:
                cause = error.orig if isinstance(error, DBAPIError) else error
                lost, not_begun = self._driver().closed, isinstance(cause, _NOT_BEGUN)
                if lost or not_begun:
                    self.close()
                    if not last and (not_begun or again):
                        continue
                if lost or isinstance(cause, _BUSY):
                    raise Unavailable(what="database") from error
                raise
        raise AssertionError("unreachable")

    def _connect(self, *, fresh: bool = False) -> Connection:
        configuration = settings()
        login = secret(f"database/{self.role}", newer_than=time.monotonic() if fresh else None)
        parts = urlsplit(configuration.database_url)

        def connect() -> Any:
            connection = _Impatient.connect(
                host=parts.hostname,
                port=parts.port or 5432,
                dbname=parts.path.lstrip("/") or "eatit",
                user=login["username"],
                password=login["password"],
                connect_timeout=CONNECT_SECONDS,
                application_name=f"eatit-{self.role}",
                options="-c TimeZone=UTC",
                keepalives_idle=30,
                tcp_user_timeout=8000,
                autocommit=True,
                **_from_query(parts.query),
            )
            connection.silent_seconds = self._silent_seconds
            connection.prepare_threshold = 2 if configuration.prepare_statements else None
            set_json_loads(orjson.loads, connection)
            self._opened = connection
            return connection

        engine = create_engine(
            "postgresql+psycopg://",
            creator=connect,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            use_native_hstore=False,
            hide_parameters=True,  # or an error's text, and so the log, would tell addresses and password hashes
        )
        try:
            self._connection = engine.connect()
        except DBAPIError as error:
            if not isinstance(error.orig, postgres.InvalidPassword | postgres.InvalidAuthorizationSpecification):
                raise Unavailable(what="database") from error
            if not fresh:
                return self._connect(fresh=True)  # the password may have been rotated since it was read
            raise MisconfiguredError(f"the database refuses the login of {self.role}: run the migration") from error
        return self._connection


def _has_ended(connection: "psycopg.Connection[Any]") -> bool:
    """Whether an idle connection was closed from the other end: then its socket has something to read."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def driver_form(statement: ClauseElement) -> str:
    """A Core statement as `rows` takes it: worth keeping for what is asked at every request.

    Raises `ValueError` for one that holds a value of its own: its parameters must all be `bindparam`s without one.
    """
    from sqlalchemy.dialects.postgresql.psycopg import dialect

    compiled = statement.compile(dialect=dialect())  # type: ignore[no-untyped-call]
    held = sorted(name for name, value in compiled.params.items() if value is not None)
    if held:
        raise ValueError(f"the statement holds {', '.join(held)}")
    return str(compiled)


@contextmanager
def refusing(errors: Mapping[str, Exception]) -> Iterator[None]:
    """Turn the violation of a named constraint into the domain's error for it."""
    try:
        yield
    except IntegrityError as error:
        name = error.orig.diag.constraint_name if isinstance(error.orig, psycopg.Error) else None
        if name is not None and name in errors:
            raise errors[name] from error
        raise


def _from_query(query: str) -> dict[str, Any]:
    from urllib.parse import parse_qsl

    allowed = {"sslmode", "sslrootcert", "target_session_attrs"}
    return {key: value for key, value in parse_qsl(query) if key in allowed}
