"""A crowd before a cold page: `python -m tests.functions.crowd <processes> <threads of each> <category>`.

Every thread has a connection to Redis of its own, as an environment has; the processes are forked before any is
opened. Whoever fills waits until all the others have looked into the cache, or half a second has gone by. Tells
`{"queries": n, "lost": n, "answers": n}`: how often the database was asked by those that didn't lose Redis, how many
lost it, and how many different answers there were.
"""

import json
import multiprocessing
import os
import sys
import threading
import time
from typing import Any
from uuid import UUID

LONGEST_HELD = 0.5


def _ask(category: UUID, there: Any, looked: Any, answers: Any) -> None:
    from eatit.cache import Cache
    from eatit.database import Database
    from store.fresh import PAGES, PRODUCT_SECONDS, page_key
    from store.listing import Filters, list_products

    cache, queries, filters = Cache("store"), [], Filters(category=category)
    look = cache._look

    def looking(*given: Any) -> Any:
        found = look(*given)
        with looked.get_lock():
            looked.value += 1
        cache._look = look  # type: ignore[method-assign]
        return found

    def fill() -> bytes:
        queries.append(1)
        deadline = time.monotonic() + LONGEST_HELD
        while looked.value < there.parties and time.monotonic() < deadline:
            time.sleep(0.005)
        database = Database("store")
        try:
            rows, _ = list_products(database, filters, "name", 20, None)
        finally:
            database.close()
        return repr([row.id for row in rows]).encode()

    cache._look = looking  # type: ignore[method-assign, assignment]
    cache.ping()
    there.wait()
    key = page_key(filters, "name", 20, "ru")
    assert key is not None
    found = cache.get_or_fill(key, fill, seconds=PRODUCT_SECONDS, under=PAGES)
    answers.put((found, len(queries), cache.is_reachable_now))
    cache.close()


def _environments(threads: int, *given: Any) -> None:
    running = [threading.Thread(target=_ask, args=given) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def main() -> None:
    import redis.backoff
    import sqlalchemy.dialects.postgresql.psycopg

    import store.fresh
    from eatit.secrets import secret

    assert all((redis.backoff, sqlalchemy.dialects.postgresql.psycopg, store.fresh))
    secret("database/store")
    processes, threads, category = int(sys.argv[1]), int(sys.argv[2]), UUID(sys.argv[3])
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    fork = multiprocessing.get_context("fork")
    there, looked, answers = fork.Barrier(processes * threads), fork.Value("i", 0), fork.SimpleQueue()
    given = (threads, category, there, looked, answers)
    children = [fork.Process(target=_environments, args=given) for _ in range(processes)]
    for child in children:
        child.start()
    found = [answers.get() for _ in range(processes * threads)]
    for child in children:
        child.join()
    summary = {
        "queries": sum(queries for _, queries, reachable in found if reachable),
        "lost": sum(not reachable for *_, reachable in found),
        "answers": len({answer for answer, *_ in found}),
    }
    told.write(json.dumps(summary))
    told.flush()


if __name__ == "__main__":
    main()
