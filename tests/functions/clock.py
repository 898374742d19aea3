"""A clock for the limits that can be moved on: for this process, and for what Redis keeps."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import redis


class Clock:
    """Stands in for the module `time`. Moving it on takes as much from the life of every limit's key in Redis."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ahead = 0.0

    def time(self) -> float:
        return time.time() + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def move(self, seconds: float) -> None:
        self._ahead += seconds
        with redis.Redis.from_url(self._url) as client:
            for name in client.scan_iter("LIMITS:*", count=1000):
                left = client.pttl(name) - int(seconds * 1000)
                if left > 0:
                    client.pexpire(name, left)
                else:
                    client.delete(name)

    def keys(self) -> dict[str, Any]:
        """The limits' keys in Redis, and what each holds."""
        with redis.Redis.from_url(self._url, decode_responses=True) as client:
            read: dict[str, Callable[[str], Any]] = {
                "string": client.get,
                "list": lambda name: client.lrange(name, 0, -1),
            }
            return {name: read[client.type(name)](name) for name in client.scan_iter("LIMITS:*", count=1000)}


def put_into(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Where limits look at the time."""
    import limits.storage.memory
    import limits.storage.redis
    import limits.strategies

    import auth.devices
    import auth.limits

    for module in (limits.storage.memory, limits.storage.redis, limits.strategies, auth.limits, auth.devices):
        monkeypatch.setattr(module, "time", clock)
