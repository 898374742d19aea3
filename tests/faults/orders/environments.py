"""As many environments at once as Lambda would start: the handlers forked into a process each, which begin together.

Run as a module (`python -m tests.faults.orders.environments <count>`) it takes a round a line, a plan for each
environment, and answers what each was told. A plan is a list of calls: `{"method", "path", "body"?, "token"?, "key"?}`,
or `{"function", "event"?}`, `expiry` or `imports`. Every environment has its connection before the first begins. What
is answered 503 or 429 is called again under the same key as soon as its Retry-After says.
"""

import json
import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.functions.environment import surroundings

PATIENCE = 300.0
AGAIN = (429, 503)
# Postgres has room for no more; those beyond connect when they are called, and let go afterwards.
CONNECTED = 165
Plan = list[dict[str, Any]]


@dataclass(frozen=True)
class Told:
    """The last answer to a call, and those before it that bade wait."""

    status: int
    headers: dict[str, str]
    content: str
    seconds: float
    waits: list[dict[str, Any]]

    @property
    def body(self) -> Any:
        return json.loads(self.content) if self.content else None

    @property
    def code(self) -> str | None:
        """A problem's code."""
        return None if self.status < 400 else str(self.body["code"])


class Environments:
    """So many environments, until `end`. What they log goes to `log`."""

    def __init__(self, count: int, log: Path) -> None:
        self.count = count
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.orders.environments", str(count)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                env=surroundings(),
                text=True,
            )

    def at_once(self, plans: Sequence[Plan]) -> list[list[Told]]:
        """What the calls of each plan were answered; the plans begin together, a plan's calls follow one another."""
        assert len(plans) <= self.count
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(plans) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        assert line, "the environments ended"
        return [[Told(**told) for told in each] for each in json.loads(line)]

    def end(self) -> None:
        """Let them end, and their connections with them. May be said again."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._child.wait(timeout=30)


def told_to_wait(answers: Sequence[Told]) -> list[str]:
    """What these answers' callers were told before they were answered: `503 unavailable`; each one a whole problem."""
    waits = [wait for answer in answers for wait in answer.waits]
    for wait in waits:
        assert wait["type"] == "application/problem+json", wait
        assert int(wait["retry_after"]) >= 1, wait
    return [f"{wait['status']} {wait['code']}" for wait in waits]


def _function(name: str, event: Any) -> Any:
    import basket.order_expiry
    import store.imports_worker
    from tests.functions.events import Context

    handlers = {"expiry": basket.order_expiry.handler, "imports": store.imports_worker.handler}
    return handlers[name](event or {}, Context())


def _called(wanted: dict[str, Any]) -> dict[str, Any]:
    from tests.functions.calls import call

    begun, waits = time.monotonic(), list[Any]()
    if "function" in wanted:
        content = json.dumps(_function(wanted["function"], wanted.get("event")))
        return {"status": 200, "headers": {}, "content": content, "seconds": time.monotonic() - begun, "waits": []}
    headers = {"Idempotency-Key": wanted["key"]} if "key" in wanted else {}
    while True:
        began = time.monotonic()
        answer = call(wanted["method"], wanted["path"], wanted.get("body"), token=wanted.get("token"), headers=headers)
        if answer.status not in AGAIN or time.monotonic() - begun > PATIENCE:
            return {
                "status": answer.status,
                "headers": answer.headers,
                "content": answer.content.decode(),
                "seconds": time.monotonic() - begun,
                "waits": waits,
            }
        after = answer.headers.get("retry-after")
        kind, code = answer.headers.get("content-type"), answer.body.get("code")
        took = time.monotonic() - began
        waits.append({"status": answer.status, "code": code, "retry_after": after, "type": kind, "seconds": took})
        time.sleep(int(after or 0) + random.random() / 2)  # a client that waits as it was told, and not in step


def _connect() -> None:
    """A warm environment has its connection; where that fails, the first call will find out."""
    import contextlib

    from sqlalchemy import text

    from basket.database import database as basket
    from eatit.errors import Unavailable

    with contextlib.suppress(Unavailable):
        basket.read(text("SELECT 1"))


def _close() -> None:
    import eatit.outbox
    from basket.database import database as basket
    from basket.order_expiry import database as expiry
    from store.database import database as store

    for database in (basket, expiry, store):
        database.close()
    eatit.outbox.close_publisher()


def _environment(pipe: Any, keeps: bool) -> None:
    """One environment: a plan, `ready`, the word to begin, the answers; until the pipe ends."""
    random.seed(os.urandom(8))
    while True:
        try:
            plan = pipe.recv()
        except EOFError:
            return
        if keeps:
            _connect()
        pipe.send("ready")
        pipe.recv()
        told = [_called(wanted) for wanted in plan]
        if not keeps:
            _close()
        pipe.send(told)


def _warm() -> None:
    """What every environment has from its start, so that none pays for it in the crowd; no connection is left open."""
    import eatit.broker
    import eatit.publisher
    import store.imports_worker
    from eatit.redis_connection import shared
    from eatit.secrets import secret
    from tests.functions.calls import call, good

    assert all((eatit.broker, eatit.publisher, store.imports_worker))
    for group in ("basket", "store"):
        good(call("GET", f"/{group}/health"))
    for name in ("database/basket", "database/store", "auth/jwks", "broker"):
        secret(name)
    _close()
    shared.close()


def main() -> None:
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the functions' log goes to standard output
    _warm()
    fork = multiprocessing.get_context("fork")
    pipes, children = list[Any](), []
    for number in range(int(sys.argv[1])):
        ours, theirs = fork.Pipe()
        child = fork.Process(target=_of_its_own, args=(theirs, [*pipes, ours], number < CONNECTED))
        child.start()
        theirs.close()
        pipes.append(ours)
        children.append(child)
    for line in sys.stdin:
        plans = json.loads(line)
        asked = pipes[: len(plans)]
        for pipe, plan in zip(asked, plans, strict=True):
            pipe.send(plan)
        for pipe in asked:
            assert pipe.recv() == "ready"
        for pipe in asked:
            pipe.send("go")
        told.write(json.dumps([pipe.recv() for pipe in asked]) + "\n")
        told.flush()
    for pipe in pipes:
        pipe.close()
    for child in children:
        child.join(20)


def _of_its_own(pipe: Any, others: list[Any], keeps: bool) -> None:
    """Without the others' pipes, which would stay open with it."""
    for other in others:
        other.close()
    sys.stdin.close()
    _environment(pipe, keeps)


if __name__ == "__main__":
    main()
