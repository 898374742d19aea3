"""How often a password may be wrong: counted by account, on Redis for all environments, else in this one alone.

Redis knows an account by a digest of its address. A limit on networks, and a way in for the customer whom somebody else
has locked out, aren't here yet.
"""

import hashlib
import math
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from eatit.errors import DomainError
from eatit.observability import logger
from eatit.settings import settings

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import MovingWindowRateLimiter

WRONG_PASSWORDS = "30 per 5 minutes"
SOCKET_SECONDS = 0.25
PAUSE_SECONDS = 5.0

T = TypeVar("T")
_paused_until = 0.0


class TooManyTries(DomainError):
    """Too many wrong passwords for one account; `retry_after` in seconds."""

    code = "too_many_requests"


def check_tries(address: str) -> None:
    """Raise `TooManyTries` when the account's password was wrong too often lately."""
    key = _key(address)

    def wait(limiter: "MovingWindowRateLimiter") -> int:
        if limiter.test(_limit(), key):
            return 0
        return max(1, math.ceil(limiter.get_window_stats(_limit(), key).reset_time - time.time()))

    seconds = _counted(wait)
    if seconds:
        raise TooManyTries(retry_after=seconds)


def note_wrong_password(address: str) -> None:
    """Count a wrong password."""
    _counted(lambda limiter: limiter.hit(_limit(), _key(address)))


def forget_tries(address: str) -> None:
    """Begin anew after a right password."""
    _counted(lambda limiter: limiter.clear(_limit(), _key(address)))


def _counted(count: Callable[["MovingWindowRateLimiter"], T]) -> T:
    """On Redis, or in this process's memory while Redis is away."""
    global _paused_until
    if time.monotonic() >= _paused_until:
        from redis.exceptions import RedisError

        try:
            return count(_limiter(settings().redis_url))
        except (RedisError, OSError):
            _paused_until = time.monotonic() + PAUSE_SECONDS
            logger.warning("wrong passwords are counted here alone", exc_info=True)
    return count(_limiter("memory://"))


@lru_cache(maxsize=4)
def _limiter(url: str) -> "MovingWindowRateLimiter":
    from limits.storage import storage_from_string
    from limits.strategies import MovingWindowRateLimiter

    seconds = {} if url == "memory://" else {"socket_timeout": SOCKET_SECONDS, "socket_connect_timeout": SOCKET_SECONDS}
    return MovingWindowRateLimiter(storage_from_string(url, **seconds))


@lru_cache(maxsize=1)
def _limit() -> "RateLimitItem":
    from limits import parse

    return parse(WRONG_PASSWORDS)


def _key(address: str) -> str:
    return "wrong-passwords:" + hashlib.sha256(address.encode("utf-8", "replace")).hexdigest()
