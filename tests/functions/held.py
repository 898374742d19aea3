"""Rows that a test changes and holds until a call of the functions has run into them: an overtaking that is certain."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.functions.calls import eventually


@contextmanager
def overtaken(url: str, statement: str, parameters: Any, *, then: Callable[[], None] | None = None) -> Iterator[None]:
    """The owner runs `statement`, and commits as soon as what is called within waits for it, which it must.

    `then` runs between the two, beside what waits.
    """
    with psycopg.connect(url) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute(statement, parameters)
        waited = pool.submit(_commit_when_waited_for, holder, url, then)
        yield
        waited.result()


def _commit_when_waited_for(holder: "psycopg.Connection[Any]", url: str, then: Callable[[], None] | None) -> None:
    def waits() -> None:
        row = looking.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", [holder.info.backend_pid]
        ).fetchone()
        assert row is not None
        assert row[0]

    try:
        with psycopg.connect(url, autocommit=True) as looking:
            eventually(waits)
        if then is not None:
            then()
    finally:
        holder.commit()
