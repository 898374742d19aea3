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
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from auth.clients import Client
from auth.networks import networks
from eatit.errors import DomainError
from eatit.observability import logger
from eatit.settings import settings

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.storage import MemoryStorage, RedisStorage
    from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

FREE_TRIES = 5
FIRST_WAIT, LONGEST_WAIT = 2, 300
# Kinds of requests that a house full of customers makes all day; the others are made a few times in a life.
MULTIPLES = {"refresh": 10}
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

    def failed(self) -> None:
        """It was wrong: counted for the client's address and network too."""
        self._note(lambda place: _note_failure(place, self.client))

    def succeeded(self) -> None:
        """It was right, second factor and all: this bucket begins anew."""
        self._note(lambda place: _clear(place, self.bucket, self.rung))

    def released(self) -> None:
        """It was neither: this try is given back, and those before it stay."""
        self._note(lambda place: _give_back(place, self.bucket, self.rung))

    def _note(self, note: Callable[[_Place], None]) -> None:
        """Where the try was counted and nowhere else: what one place took, another can't give back."""
        from redis.exceptions import RedisError

        try:
            note(self.place)
        except (RedisError, OSError):
            _leave_redis_alone()


def attempt(subject: str, *, client: Client, trusted: str | None = None) -> Attempt:
    """Take a try at the password of `subject`, an account's normalised address, be there such an account or not.

    `trusted` names what makes the client a known one (a device's nonce, a known address): it then has a bucket of its
    own, and what others do from its network doesn't hold it up. Raises `TooManyTries` with the seconds to wait.
    """
    bucket = _digest(subject) if trusted is None else f"{_digest(subject)}/{_digest(trusted)}"

    def take(place: _Place) -> Attempt:
        _check_networks(place, client, known=trusted is not None)
        return Attempt(bucket, client, _take(place, bucket), place)

    return _counted(take)


def count_request(kind: str, client: Client) -> None:
    """Count a request of this kind. Raises `TooManyTries` when its address or network made too many lately."""

    def count(place: _Place) -> None:
        for name, network in networks(client.address):
            item = _requests(name, kind)
            if not place.moving.hit(item, network):
                until = place.moving.get_window_stats(item, network).reset_time
                raise _refused(place, f"{name} {network}", f"requests of {kind}", until)

    _counted(count)


def may_be_mailed(subject: str) -> bool:
    """Count a mail that somebody asks for to this address, be there such an account or not → whether it may go.

    Whoever floods another's letter box is told nothing by the answer, so nothing is raised.
    """
    bucket = _digest(subject)

    def count(place: _Place) -> bool:
        item = _items().mails
        if place.moving.hit(item, bucket):
            return True
        _refused(place, f"account {bucket}", "mails", place.moving.get_window_stats(item, bucket).reset_time)
        return False

    return _counted(count)


def _take(place: _Place, bucket: str) -> int | None:
    """Count a try → the rung that it stands on, `None` for one that costs nothing.

    Rung n is the n-th try that had to wait for the one before. Whoever takes it takes its lock as well, which is what
    the next one waits for; the lock is taken before the rung is counted, so that of many at once one alone passes.
    """
    free, dear = _items().free, _items().dear
    if place.fixed.hit(free, bucket):
        return None
    place.fixed.hit(free, bucket, cost=-1)
    rung = place.storage.get(dear.key_for(bucket))
    held = place.moving.get_window_stats(_lock(rung - 1), bucket) if rung else None
    if held is None or held.remaining:
        if place.moving.hit(_lock(rung), bucket):
            place.fixed.hit(dear, bucket)
            return rung
        held = place.moving.get_window_stats(_lock(rung), bucket)
    raise _refused(place, f"account {bucket}", "wrong passwords", held.reset_time)


def _give_back(place: _Place, bucket: str, rung: int | None) -> None:
    if rung is None:
        place.fixed.hit(_items().free, bucket, cost=-1)
    else:
        place.fixed.hit(_items().dear, bucket, cost=-1)
        place.moving.clear(_lock(rung), bucket)


def _clear(place: _Place, bucket: str, rung: int | None) -> None:
    items = [_items().free, _items().dear, *([] if rung is None else [_lock(rung)])]
    keys = [item.key_for(bucket) for item in items]
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
        stats = place.moving.get_window_stats(_items().failures[name], network)
        if stats.remaining <= 0 and not known:
            raise _refused(place, f"{name} {network}", "wrong passwords", stats.reset_time)


def _note_failure(place: _Place, client: Client) -> None:
    for name, network in networks(client.address):
        place.moving.hit(_items().failures[name], network)


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
    _items.cache_clear()
    _requests.cache_clear()
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


@dataclass(frozen=True, slots=True)
class _Items:
    """The limits themselves. `failures` and `requests` are those of "address" and "network"."""

    free: "RateLimitItem"
    dear: "RateLimitItem"
    failures: dict[str, "RateLimitItem"]
    requests: dict[str, "RateLimitItem"]
    mails: "RateLimitItem"


@lru_cache(maxsize=1)
def _items() -> _Items:
    from limits import RateLimitItemPerHour, parse

    chosen = settings()
    failures = {"address": chosen.address_wrong_passwords, "network": chosen.network_wrong_passwords}
    requests = {"address": chosen.address_requests, "network": chosen.network_requests}
    return _Items(
        free=RateLimitItemPerHour(FREE_TRIES - 1, 1, "tries"),
        # Never reached: the locks see to that. What is wanted is its hour.
        dear=RateLimitItemPerHour(10_000, 1, "waited-tries"),
        failures={name: _named(parse(limit), "wrong-passwords") for name, limit in failures.items()},
        requests={name: parse(limit) for name, limit in requests.items()},
        mails=_named(parse(chosen.account_mails), "mails"),
    )


@lru_cache(maxsize=64)
def _requests(name: str, kind: str) -> "RateLimitItem":
    item = _items().requests[name]
    return type(item)(item.amount * MULTIPLES.get(kind, 1), item.multiples, f"requests-{kind}")


def _named(item: "RateLimitItem", namespace: str) -> "RateLimitItem":
    return type(item)(item.amount, item.multiples, namespace)


@lru_cache(maxsize=16)
def _lock(rung: int) -> "RateLimitItem":
    """What the try after the rung's has to wait for: 2 seconds, then double, up to five minutes."""
    from limits import RateLimitItemPerSecond

    return RateLimitItemPerSecond(1, min(FIRST_WAIT << min(rung, 10), LONGEST_WAIT), "lock")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
