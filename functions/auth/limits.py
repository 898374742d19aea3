"""How often one may try: wrong passwords by account, by client address and by network, and requests of some kinds.

Counted on Redis for all environments together, in this process's memory while Redis is away. An account's tries are
counted before the password is looked at, so that many at once are no way round, and given back when it was right. What
a stranger does to an account touches no device that is known to it: a known device has a bucket of its own (OWASP,
https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies). docs/limits.md has the table.
"""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from auth.clients import Client
from auth.limit_items import forget_items, items, lock, mails_of, requests_of
from auth.networks import networks
from eatit.errors import DomainError
from eatit.observability import logger
from eatit.settings import settings

if TYPE_CHECKING:
    from limits.storage import MemoryStorage, RedisStorage
    from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

SOCKET_SECONDS = 0.25
PAUSE_SECONDS = 5.0
_MEMORY = "memory://"

T = TypeVar("T")
_paused_until = 0.0


class TooManyTries(DomainError):
    """Too many wrong passwords, or too many requests; `retry_after` in seconds."""

    code = "too_many_requests"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where is counted: Redis, or this process's memory."""

    storage: "RedisStorage | MemoryStorage"
    fixed: "FixedWindowRateLimiter"
    moving: "MovingWindowRateLimiter"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an account's password, counted already as a wrong one; say how it went, once.

    One of which nothing is ever said (the function was killed, the database went away) stays a wrong one.
    """

    bucket: str
    client: Client
    rung: int | None
    place: _Place
    total: str | None = None  # of the account's known devices, where it counts in that

    def failed(self) -> None:
        """It was wrong: counted for the client's address and network too."""
        self._note(lambda place: _note_failure(place, self.client))

    def succeeded(self) -> None:
        """It was right, second factor and all: this bucket begins anew."""
        self._note(lambda place: _clear(place, self.bucket, self.rung, self.total))

    def released(self) -> None:
        """It was neither: this try is given back, and those before it stay."""
        self._note(lambda place: _give_back(place, self.bucket, self.rung, self.total))

    def _note(self, note: Callable[[_Place], None]) -> None:
        """Where the try was counted and nowhere else: what one place took, another can't give back."""
        from redis.exceptions import RedisError

        try:
            note(self.place)
        except (RedisError, OSError):
            _leave_redis_alone()


def attempt(subject: str, *, client: Client, trusted: str | None = None, changed_at: datetime | None = None) -> Attempt:
    """Take a try at the password of `subject`, an account's normalised address, be there such an account or not.

    `trusted` names what makes the client a known one (a device's nonce, a known address): it then has a bucket of its
    own, and what others do from its network doesn't hold it up. Where the account's known devices together were wrong
    too often since the password was changed, at `changed_at`, it counts as a stranger. Raises `TooManyTries` with the
    seconds to wait.
    """
    account = _digest(subject)

    def take(place: _Place) -> Attempt:
        # Strangers are counted too, though it stands for nothing: else time would tell a neighbour who has an account.
        total = f"{account}/{changed_at.timestamp() if changed_at else 0}/{'strangers' if trusted is None else 'known'}"
        within = _take_of_total(place, total)
        known = within and trusted is not None
        bucket = f"{account}/{_digest(trusted or '')}" if known else account
        try:
            _check_networks(place, client, known=known)
            return Attempt(bucket, client, _take(place, bucket), place, total if known else None)
        except TooManyTries:
            if within:
                _give_back_to_total(place, total)
            raise

    return _counted(take)


def count_request(kind: str, client: Client) -> None:
    """Count a request of this kind. Raises `TooManyTries` when its address or network made too many lately."""

    def count(place: _Place) -> None:
        for name, network in networks(client.address):
            for item in requests_of(name, kind):
                if not place.moving.hit(item, network):
                    until = place.moving.get_window_stats(item, network).reset_time
                    raise _refused(place, f"{name} {network}", f"requests of {kind}", until)

    _counted(count)


def may_be_mailed(kind: str, subject: str) -> bool:
    """Count a mail of this kind that somebody asks for to this address, be there such an account or not → whether it
    may go. Each kind by itself: mails that bring no token must not use up those that let the owner in.

    Whoever floods another's letter box is told nothing by the answer, so nothing is raised.
    """
    bucket = _digest(subject)

    def count(place: _Place) -> bool:
        item = mails_of(kind)
        if place.moving.hit(item, bucket):
            return True
        _refused(place, f"account {bucket}", f"mails of {kind}", place.moving.get_window_stats(item, bucket).reset_time)
        return False

    return _counted(count)


def _take(place: _Place, bucket: str) -> int | None:
    """Count a try → the rung that it stands on, `None` for one that costs nothing.

    Rung n is the n-th try that had to wait for the one before. Whoever takes it takes its lock as well, which is what
    the next one waits for; the lock is taken before the rung is counted, so that of many at once one alone passes.
    """
    free, dear = items().free, items().dear
    if place.fixed.hit(free, bucket):
        return None
    place.fixed.hit(free, bucket, cost=-1)
    rung = place.storage.get(dear.key_for(bucket))
    held = place.moving.get_window_stats(lock(rung - 1), bucket) if rung else None
    if held is None or held.remaining:
        if place.moving.hit(lock(rung), bucket):
            place.fixed.hit(dear, bucket)
            return rung
        held = place.moving.get_window_stats(lock(rung), bucket)
    raise _refused(place, f"account {bucket}", "wrong passwords", held.reset_time)


def _take_of_total(place: _Place, total: str) -> bool:
    """Count a try in what an account's known devices may be wrong together; whether it is within."""
    if place.fixed.hit(items().known, total):
        return True
    _give_back_to_total(place, total)
    return False


def _give_back_to_total(place: _Place, total: str) -> None:
    place.fixed.hit(items().known, total, cost=-1)


def _give_back(place: _Place, bucket: str, rung: int | None, total: str | None) -> None:
    if total is not None:
        _give_back_to_total(place, total)
    if rung is None:
        place.fixed.hit(items().free, bucket, cost=-1)
    else:
        place.fixed.hit(items().dear, bucket, cost=-1)
        place.moving.clear(lock(rung), bucket)


def _clear(place: _Place, bucket: str, rung: int | None, total: str | None) -> None:
    if total is not None:
        _give_back_to_total(place, total)
    cleared = [items().free, items().dear, *([] if rung is None else [lock(rung)])]
    keys = [item.key_for(bucket) for item in cleared]
    storage: Any = place.storage
    if hasattr(storage, "get_connection"):
        # The library would ask Redis once for each, at every sign-in.
        storage.get_connection().delete(*map(storage.prefixed_key, keys))
        return
    for key in keys:
        storage.clear(key)


def _check_networks(place: _Place, client: Client, *, known: bool) -> None:
    """Asked for known clients too, whom it doesn't hold up: else time would tell a neighbour who has an account."""
    for name, network in networks(client.address):
        stats = place.moving.get_window_stats(items().failures[name], network)
        if stats.remaining <= 0 and not known:
            raise _refused(place, f"{name} {network}", "wrong passwords", stats.reset_time)


def _note_failure(place: _Place, client: Client) -> None:
    for name, network in networks(client.address):
        place.moving.hit(items().failures[name], network)


def _refused(place: _Place, bucket: str, what: str, until: float) -> TooManyTries:
    """The error to raise; the log is told once for each bucket and wait, however many requests are refused."""
    seconds = max(1, math.ceil(until - time.time()))
    if place.storage.incr(f"told/{what}/{bucket}", seconds) == 1:
        logger.warning("security event: too many tries", bucket=bucket, what=what, retry_after=seconds)
    return TooManyTries(retry_after=seconds)


def _counted(count: Callable[[_Place], T]) -> T:
    """On Redis, or in this process's memory while Redis is away."""
    if time.monotonic() >= _paused_until:
        from redis.exceptions import RedisError

        try:
            return count(_place(settings().redis_url))
        except (RedisError, OSError):
            _leave_redis_alone()
    return count(_place(_MEMORY))


def _leave_redis_alone() -> None:
    global _paused_until
    _paused_until = time.monotonic() + PAUSE_SECONDS
    logger.warning("tries are counted here alone", exc_info=True)


def forget_limits() -> None:
    """Drop what is kept of settings, connections and counts in memory; the next try reads anew."""
    global _paused_until
    _paused_until = 0.0
    forget_items()
    _place.cache_clear()


@lru_cache(maxsize=4)
def _place(url: str) -> _Place:
    from limits.storage import MemoryStorage, RedisStorage
    from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

    storage = MemoryStorage() if url == _MEMORY else RedisStorage(url, **_connection())
    return _Place(storage, FixedWindowRateLimiter(storage), MovingWindowRateLimiter(storage))


def _connection() -> dict[str, Any]:
    """One connection, with little patience: opened anew where it was closed meanwhile, and not asked twice."""
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as ConnectionLostError
    from redis.retry import Retry

    return {
        "single_connection_client": True,
        "socket_timeout": SOCKET_SECONDS,
        "socket_connect_timeout": SOCKET_SECONDS,
        "retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionLostError,)),
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
