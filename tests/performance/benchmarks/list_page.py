"""A page of 50 products through the store's handler, nothing cached, against its one SQL statement by psycopg."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy.dialects.postgresql.psycopg import dialect

from tests.performance.benchmarks.accounts import connected
from tests.performance.benchmarks.figures import Figure, in_turn, logs_in_a_file
from tests.performance.requests_of import Shop, rest_event

ROUNDS, BATCH, LIMIT = 100, 5, 50


def figures(stack: Mapping[str, Any], _shop: Shop) -> list[Figure]:
    """One figure. First pages are kept for five seconds; one with a cursor is read each time."""
    from eatit.paging import make_cursor
    from store.app import handler
    from store.listing import Filters

    cursor = make_cursor("name", Filters().as_given(), ["", UUID(int=0)])
    event = rest_event("GET", "/store/products", query={"limit": str(LIMIT), "cursor": cursor})

    def page() -> Any:
        answer = handler(event, None)
        assert answer["statusCode"] == 200, answer
        return answer

    with connected(stack, "store") as connection, logs_in_a_file():
        same = _same_statement(connection, page)
        assert len(json.loads(page()["body"])["items"]) == LIMIT
        ratio = in_turn(page, same, rounds=ROUNDS, batch=BATCH)
    return [
        Figure(
            f"GET of a page of {LIMIT} products, nothing cached, by `handler(event)`", "its SQL by psycopg", ratio, 3
        )
    ]


def _same_statement(connection: psycopg.Connection[Any], page: Callable[[], Any]) -> Callable[[], object]:
    """The very statement that the handler sends, prepared, its rows fetched."""
    from store.database import database

    sent: list[Any] = []
    read = database.read

    def noting(statement: Any) -> Any:
        sent.append(statement)
        return read(statement)

    database.read = noting  # type: ignore[method-assign, assignment]
    try:
        page()
    finally:
        del database.read
    (statement,) = sent
    compiled = statement.compile(dialect=dialect())  # type: ignore[no-untyped-call]
    sql, parameters = str(compiled).encode(), compiled.params

    def run() -> object:
        rows = connection.execute(sql, parameters, prepare=True).fetchall()
        assert len(rows) == LIMIT + 1
        return rows

    return run
