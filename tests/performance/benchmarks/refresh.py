"""POST /auth/refresh through its handler, against its statements by psycopg in one transaction."""

from __future__ import annotations

import json
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

        events = iter([post("/auth/refresh", {}, next(anywhere)) for _ in range((ROUNDS + 1) * BATCH)])

        def rotate() -> None:
            nonlocal own
            event = next(events)
            event["body"] = json.dumps({"refresh_token": own})
            own = answered(event, 200)["refresh_token"]

        ratio = in_turn(rotate, _same_statements(connection, bare, home), rounds=ROUNDS, batch=BATCH)
    return [Figure("POST /auth/refresh, fsync on", "its SQL by psycopg", ratio)]


def _same_statements(connection: psycopg.Connection[Any], token: str, address: str) -> Callable[[], None]:
    """The very statements that the handler sends, prepared, in one transaction."""
    from auth import sessions

    present = sessions.digest_of(token)

    def run() -> None:
        nonlocal present
        following = secrets.token_bytes(32)
        with connection.transaction():
            row = connection.execute(sessions._presented_sql().encode(), {"digest": present}, prepare=True).fetchone()
            assert row is not None
            assert row[0] is None, "it was rotated before"
            given = {"presented": present, "following": following, "at": datetime.now(UTC), "address": address}
            given["life"] = sessions.REFRESH_LIFE
            assert connection.execute(sessions._ROTATE.encode(), given, prepare=True).fetchall()
        present = following

    return run
