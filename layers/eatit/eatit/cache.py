"""Redis: ready-made answers with leases, and never an error: without Redis the filler is asked every time.

A filler holds a lease on its key; a write deletes value and lease, before and after its commit; a fill is stored only
if its lease still stands. So a value read before a change can't be stored after it.
"""

import os
import time
from collections.abc import Callable, Iterable

from eatit.redis_connection import RedisConnection

LONGEST_SECONDS = 60
LEASE_MILLISECONDS = 2000
_FILL = """
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1
end
return 0
"""


class Cache:
    """A cache of bytes under `<group>:<key>`. Every entry lives 60 s at most.

    Over `connection` where one is given, else over one of its own.
    """

    def __init__(self, group: str, connection: RedisConnection | None = None) -> None:
        self._prefix = group
        self._connection = connection or RedisConnection()

    def get_or_fill(self, key: str, fill: Callable[[], bytes | None], *, seconds: float) -> bytes | None:
        """The bytes under `key`, else what `fill` gives, kept for `seconds`; `None` from `fill` isn't kept.

        One filler at a time: others wait for its value for a moment, then ask for themselves.
        """
        name, lease_name = f"{self._prefix}:{key}", f"{self._prefix}:{key}:lease"
        kept = self._connection.ask(lambda client: client.get(name))
        if kept is not None:
            return bytes(kept)
        lease = os.urandom(12)
        mine = self._connection.ask(lambda client: client.set(lease_name, lease, nx=True, px=LEASE_MILLISECONDS))
        if mine is None and self.is_reachable_now:
            kept = self._await(name, lease_name)
            if kept is not None:
                return kept
        value: bytes | None = None
        try:
            value = fill()
        finally:
            if mine and value is None:
                # What isn't there, or can't be read now, is nothing that others should wait for. If the lease is
                # another's by now, only that one's fill isn't kept.
                self._connection.ask(lambda client: client.delete(lease_name))
        if mine and value is not None:
            lifetime = int(min(seconds, LONGEST_SECONDS) * 1000)
            self._connection.ask(lambda client: client.eval(_FILL, 2, name, lease_name, lease, value, lifetime))
        return value

    def invalidate(self, keys: Iterable[str]) -> None:
        """Delete these values and their leases. Called before a commit and after it, and tried even where Redis was
        away a moment ago: a reader elsewhere may reach it."""
        names = [name for key in keys for name in (f"{self._prefix}:{key}", f"{self._prefix}:{key}:lease")]
        if names:
            self._connection.ask(lambda client: client.delete(*names), insist=True)

    def ping(self) -> bool:
        """Whether Redis answers now."""
        return bool(self._connection.ask(lambda client: client.ping()))

    @property
    def is_reachable_now(self) -> bool:
        """Whether the last call got through."""
        return self._connection.is_reachable_now

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        self._connection.close()

    def _await(self, name: str, lease_name: str) -> bytes | None:
        """Wait for the value that another filler is making: half a second at most, or until it gave up; then make it
        oneself."""
        deadline = time.monotonic() + 0.5
        pause = 0.002
        while time.monotonic() < deadline and self.is_reachable_now:
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
            kept, lease = self._connection.ask(lambda client: client.mget(name, lease_name)) or (None, None)
            if kept is not None:
                return bytes(kept)
            if lease is None:
                break
        return None
