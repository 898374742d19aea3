"""Redis: ready-made answers with leases, and never an error: without Redis the filler is asked every time.

A filler holds a lease on its key; a write deletes value and lease, before and after its commit; a fill is stored only
if its lease still stands. So a value read before a change can't be stored after it. What a change makes stale by the
hundred (first pages of a list) stands under a generation: a random word in a key of its own, which a write deletes as
it deletes a value. A value counts only while its generation is the present one, and a word never comes again, whatever
Redis forgets. docs/cache.md has the argument.
"""

import os
import time
from collections.abc import Callable, Iterable

from eatit.redis_connection import RedisConnection

LONGEST_SECONDS = 60
LEASE_MILLISECONDS = 2000
PATIENCE_SECONDS = LEASE_MILLISECONDS / 1000 + 0.5  # a filler that was killed is waited for no longer than its lease
# Neither while another holds the lease, nor where the value has come since it was looked for; a lease of an ended
# generation is nobody's, for what its holder fills won't count.
_TAKE = """
for _, key in ipairs(KEYS) do
  local found = redis.call('GET', key)
  if found and string.sub(found, 1, string.len(ARGV[2])) == ARGV[2] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
"""
# What a value has left to live is reckoned from when its lease was taken, which was before anything was read.
_FILL = """
local left = redis.call('PTTL', KEYS[2])
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
local life = tonumber(ARGV[3]) - (tonumber(ARGV[4]) - left)
if life <= 0 or (KEYS[3] and redis.call('GET', KEYS[3]) ~= ARGV[5]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', life)
return 1
"""


class Cache:
    """A cache of bytes under `<group>:<key>`. Every entry lives 60 s at most.

    Over `connection` where one is given, else over one of its own.
    """

    def __init__(self, group: str, connection: RedisConnection | None = None) -> None:
        self._prefix = group
        self._connection = connection or RedisConnection()

    def get_or_fill(
        self, key: str, fill: Callable[[], bytes | None], *, seconds: float, under: str | None = None
    ) -> bytes | None:
        """The bytes under `key`, else what `fill` gives, kept for `seconds`; `None` from `fill` isn't kept.

        `under` names the generation that the key belongs to: `invalidate([under])` makes all of its keys stale.
        One filler at a time: others wait for its value, take over from one that gave up, and ask for themselves when
        that lasts.
        """
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, 0.002
        while True:
            kept, generation = self._look(key, under)
            if kept is not None:
                return kept
            lease = generation + os.urandom(12)
            if self._take(key, lease, generation):
                return self._filled(key, fill, seconds, lease, under, generation)
            if not self.is_reachable_now or time.monotonic() > deadline:
                return fill()
            time.sleep(pause)
            pause = min(pause * 2, 0.05)

    def invalidate(self, keys: Iterable[str]) -> None:
        """Delete these values, with their leases, and end these generations. Called before a commit and after it, and
        tried even where Redis was away a moment ago: a reader elsewhere may reach it."""
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

    def _look(self, key: str, under: str | None) -> tuple[bytes | None, bytes]:
        """The value that counts, and the present generation, begun now where there is none."""
        name = f"{self._prefix}:{key}"
        if under is None:
            return self._connection.ask(lambda client: client.get(name)), b""
        era = f"{self._prefix}:{under}"
        kept, generation = self._connection.ask(lambda client: client.mget(name, era)) or (None, None)
        if generation is None:
            fresh, life = os.urandom(12), LONGEST_SECONDS * 1000
            begun = self._connection.ask(lambda client: client.set(era, fresh, nx=True, get=True, px=life))
            return None, fresh if begun is None else begun
        if kept is not None and kept.startswith(generation):
            return bytes(kept[len(generation) :]), generation
        return None, generation

    def _take(self, key: str, lease: bytes, generation: bytes) -> bool:
        names, given = (f"{self._prefix}:{key}:lease", f"{self._prefix}:{key}"), (lease, generation, LEASE_MILLISECONDS)
        return bool(self._connection.ask(lambda client: client.eval(_TAKE, len(names), *names, *given)))

    def _filled(
        self,
        key: str,
        fill: Callable[[], bytes | None],
        seconds: float,
        lease: bytes,
        under: str | None,
        generation: bytes,
    ) -> bytes | None:
        value: bytes | None = None
        try:
            value = fill()
        finally:
            if value is None:
                # What isn't there, or can't be read now, is nothing that others should wait for. If the lease is
                # another's by now, only that one's fill isn't kept.
                self._connection.ask(lambda client: client.delete(f"{self._prefix}:{key}:lease"))
        if value is not None:
            names = [f"{self._prefix}:{key}", f"{self._prefix}:{key}:lease"]
            if under is not None:
                names.append(f"{self._prefix}:{under}")
            life = int(min(seconds, LONGEST_SECONDS) * 1000)
            given = (lease, generation + value, life, LEASE_MILLISECONDS, generation)
            self._connection.ask(lambda client: client.eval(_FILL, len(names), *names, *given))
        return value
