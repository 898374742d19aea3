"""An environment beside the tests' own: the handlers in a process of its own, as Lambda starts many, which can be
stopped at a point of its work, and killed there.

Run as a module it takes one request a line: `{"method", "path", "body"?, "token"?, "key"?, "stop": [points],
"die": point?}`, and answers `{"at": point}` wherever it stops (any line lets it go on) and `{"status", "headers",
"content"}` at last.
Points: `read` (the filler has read the database), `deleted` (the write has deleted what it makes stale, before its
commit), `committed` (before it deletes that again); of a checkout `reserved` (it holds its stock, and the order is not
written yet), `ordered` (its transaction is committed, and nobody has been told).
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import IO, Any

from tests.functions.calls import Answer
from tests.secrets_seen import note_text


def surroundings() -> dict[str, str]:
    """What a child process needs to find the functions, and the servers that they need."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class Environment:
    """One such process."""

    def __init__(self, **environment: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.functions.environment"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**surroundings(), **environment},
            text=True,
        )

    def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, key: str | None = None
    ) -> Answer:
        """One request, to its end."""
        self.begin(method, path, body, token=token, key=key)
        return self.finish()

    def begin(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        key: str | None = None,
        stop: tuple[str, ...] = (),
        die: str | None = None,
    ) -> None:
        """Begin a request, under an idempotency key, that will stop at these points, or be killed at one."""
        asked = {"method": method, "path": path, "body": body, "token": token, "key": key}
        self._say({**asked, "stop": stop, "die": die})

    def reached(self, point: str) -> None:
        """Wait until it has stopped there."""
        assert self._hear() == {"at": point}

    def go_on(self) -> None:
        self._say({})

    def finish(self) -> Answer:
        """The answer of the request that was begun."""
        told = self._hear()
        assert "status" in told, told
        note_text(told["content"])
        return Answer(told["status"], told["headers"], told["content"].encode())

    def was_killed(self) -> None:
        """Wait for its end by SIGKILL."""
        assert self._child.wait(timeout=20) == -signal.SIGKILL

    def freeze(self) -> None:
        """Let it stand still, its connections open, as an environment is whose call has run out of time."""
        self._child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._child.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._child.kill()
        self._child.wait(timeout=20)
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()

    def _say(self, told: Any) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(told) + "\n")
        self._child.stdin.flush()

    def _hear(self) -> Any:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        assert line, "the environment ended"
        return json.loads(line)


class _Points:
    """Where the running request stops, and where it is killed."""

    def __init__(self, told: IO[str]) -> None:
        self._told = told
        self.stop: list[str] = []
        self.die: str | None = None

    def at(self, point: str) -> None:
        if point == self.die:
            os.kill(os.getpid(), signal.SIGKILL)
        if point in self.stop:
            self.stop.remove(point)
            self.tell({"at": point})
            sys.stdin.readline()

    def tell(self, what: Any) -> None:
        self._told.write(json.dumps(what) + "\n")
        self._told.flush()


def _watch_checkout(points: _Points) -> None:
    """Put the points of a checkout where they belong: in its transaction, and after it."""
    from basket import checkout
    from basket.database import database

    place, publish = checkout._place, database._after_commit
    assert publish is not None

    def placing(*given: Any) -> None:
        points.at("reserved")
        place(*given)

    def publishing(*given: Any) -> None:
        points.at("ordered")
        publish(*given)

    checkout._place, database._after_commit = placing, publishing  # type: ignore[assignment]


def _watch(points: _Points) -> None:
    """Put the points where they belong: round the cache's fillers, and round the writes' deletes in it."""
    from store.database import cache

    get_or_fill, invalidate = cache.get_or_fill, cache.invalidate
    deleted: list[int] = []

    def get_or_stop(key: str, fill: Callable[[], bytes | None], **given: Any) -> bytes | None:
        def stopping() -> bytes | None:
            value = fill()
            points.at("read")
            return value

        return get_or_fill(key, stopping, **given)

    def invalidating(keys: Any) -> None:
        if deleted:
            points.at("committed")
        invalidate(keys)
        deleted[:] = [] if deleted else [1]
        points.at("deleted") if deleted else None

    cache.get_or_fill, cache.invalidate = get_or_stop, invalidating  # type: ignore[method-assign]


def main() -> None:
    from tests.functions.calls import call

    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the functions' log goes to standard output
    points = _Points(told)
    _watch(points)
    _watch_checkout(points)
    for line in sys.stdin:
        wanted = json.loads(line)
        points.stop, points.die = list(wanted["stop"]), wanted["die"]
        headers = {"Idempotency-Key": wanted["key"]} if wanted["key"] else {}
        answer = call(wanted["method"], wanted["path"], wanted["body"], token=wanted["token"], headers=headers)
        points.tell({"status": answer.status, "headers": answer.headers, "content": answer.content.decode()})


if __name__ == "__main__":
    main()
