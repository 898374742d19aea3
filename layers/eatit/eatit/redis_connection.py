"""The one connection to Redis that an environment keeps, and never an error from it: what can't be asked is `None`."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from eatit.observability import logger
from eatit.settings import settings

if TYPE_CHECKING:
    from redis import Redis

PAUSE_SECONDS = 1.0
SOCKET_SECONDS = 0.25


class RedisConnection:
    """A connection made at its first use. After a failure Redis is left alone for a second, unless asked to insist."""

    def __init__(self) -> None:
        self._client: Redis | None = None
        self._away: tuple[type[Exception], ...] = (OSError,)
        self._paused_until = 0.0

    def ask(self, command: Callable[["Redis"], Any], *, insist: bool = False) -> Any:
        """What `command` gives, or `None` while Redis is away; `insist` tries even where it was a moment ago."""
        if not insist and not self.is_reachable_now:
            return None
        if self._client is None:
            from redis.exceptions import RedisError

            self._away = (RedisError, OSError)
        try:
            if self._client is None:
                self._client = self._connect()
            return command(self._client)
        except self._away:
            # Slower, never an error: this environment leaves Redis alone for a moment.
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            logger.warning("redis is away", exc_info=True)
            return None

    @property
    def is_reachable_now(self) -> bool:
        """Whether the last call got through."""
        return time.monotonic() >= self._paused_until

    def close(self) -> None:
        """Close the connection and forget that Redis was away; the next call opens another."""
        client, self._client = self._client, None
        self._paused_until = 0.0
        if client is not None:
            client.close()

    @staticmethod
    def _connect() -> "Redis":
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError as ConnectionLostError
        from redis.retry import Retry

        return Redis.from_url(
            settings().redis_url,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
            single_connection_client=True,
            # A connection that was closed meanwhile is opened anew; a server that stays silent isn't asked twice.
            retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLostError,)),
            health_check_interval=0,
        )


shared = RedisConnection()
"""The environment's own: the cache and the marks of ended sessions go over it."""
