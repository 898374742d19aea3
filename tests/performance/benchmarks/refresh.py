"""POST /auth/refresh through its handler, against its statements by psycopg in one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg

from tests.performance.benchmarks.accounts import PASSWORD, addresses, answered, connected, made_accounts, post
from tests.performance.benchmarks.figures import Figure, in_turn, logs_in_a_file
from tests.performance.requests_of import Shop

ROUNDS, BATCH = 60, 5


def figures(stack: Mapping[str, Any], _shop: Shop) -> list[Figure]:
    """One figure. Each rotates a session of its own, one token after the other."""
    emails = made_accounts(stack, 2)
    anywhere = addresses()
    home = next(anywhere)
    with connected(stack, "auth") as connection, logs_in_a_file():
        own, bare = [
            answered(post("/auth/login", {"email": email, "password": PASSWORD}, home), 200)["refresh_token"]
            for email in emails
        ]

        def rotate() -> None:
            nonlocal own
            body = {"refresh_token": own}
            own = answered(post("/auth/refresh", body, next(anywhere)), 200)["refresh_token"]

        ratio = in_turn(rotate, _same_statements(connection, bare, home), rounds=ROUNDS, batch=BATCH)
    return [Figure("POST /auth/refresh, fsync on", "its SQL by psycopg", ratio)]


def _same_statements(connection: psycopg.Connection[Any], token: str, address: str) -> Callable[[], None]:
    """The very statements that the handler sends, prepared, in one transaction."""
    from sqlalchemy.dialects.postgresql.psycopg import dialect

    from auth import sessions

    driver = dialect()  # type: ignore[no-untyped-call]
    looked, rotated, kept, seen = (
        str(statement.compile(dialect=driver)).encode()
        for statement in (sessions._presented, sessions._rotated, sessions._new_token, sessions._seen)
    )
    present = sessions.digest_of(token)

    def run() -> None:
        nonlocal present
        following, now = secrets.token_bytes(32), datetime.now(UTC)
        with connection.transaction():
            row = connection.execute(looked, {"digest": present}, prepare=True).fetchone()
            assert row is not None
            assert row[0] is None, "it was rotated before"
            connection.execute(rotated, {"presented": present, "at": now}, prepare=True)
            given = {"digest": following, "session_id": row[4], "expires_at": now + sessions.REFRESH_LIFE}
            connection.execute(kept, {**given, "rotated_at": None}, prepare=True)
            connection.execute(seen, {"session": row[4], "from": address}, prepare=True)
        present = following

    return run
