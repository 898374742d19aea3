"""Marks in Redis that end access tokens before their time, by session and by user; every group looks for them.

A token's rights are checked where it is presented, and a token lives for 15 minutes; so whoever ends a session or
changes what a user may do leaves a mark that lives a little longer than that. An environment looks for a caller's marks
at most every two seconds. With Redis away, or emptied, a token holds until its own end.
"""

import time
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from eatit.errors import Unauthenticated
from eatit.redis_connection import shared
from eatit.security import Caller

MARKED_SECONDS = 15 * 60 + 60  # an access token's life, and a minute for clocks that differ
RECHECK_SECONDS = 2.0
KEPT_CALLERS = 500
DISABLED = "disabled"

_looked_at: dict[Caller, float] = {}


def mark_sessions(session_ids: Iterable[UUID]) -> None:
    """End the access tokens of these sessions, everywhere within seconds."""
    _mark({_session(session_id): "ended" for session_id in session_ids})


def mark_user(user_id: UUID, role: str | None) -> None:
    """End the user's access tokens of any other role than this; `None`: of every role, the user is disabled."""
    _mark({_user(user_id): role or DISABLED})


def check(caller: Caller) -> None:
    """Raise `Unauthenticated` (`invalid_token`) for a caller whose session is ended, who is disabled, or whose role is
    another by now."""
    now = time.monotonic()
    if now - _looked_at.get(caller, -RECHECK_SECONDS) < RECHECK_SECONDS:
        return
    names = _session(caller.session_id), _user(caller.user_id)
    ended, role = shared.ask(lambda client: client.mget(*names)) or (None, None)
    if ended is not None or (role is not None and role.decode() != caller.role.name):
        raise Unauthenticated("invalid_token")
    if len(_looked_at) >= KEPT_CALLERS:
        _looked_at.clear()
    _looked_at[caller] = now


def is_reachable() -> bool:
    """Whether Redis, which has the marks, answers now: without it a token holds until its end."""
    return bool(shared.ask(lambda client: client.ping(), insist=True))


def forget_looks() -> None:
    """Look for every caller's marks anew."""
    _looked_at.clear()


def _mark(marks: dict[str, str]) -> None:
    if not marks:
        return

    def mark(client: Any) -> None:
        pipeline = client.pipeline(transaction=False)
        for name, value in marks.items():
            pipeline.set(name, value, ex=MARKED_SECONDS)
        pipeline.execute()

    shared.ask(mark, insist=True)
    _looked_at.clear()


def _session(session_id: UUID) -> str:
    return f"revoked:session:{session_id}"


def _user(user_id: UUID) -> str:
    return f"revoked:user:{user_id}"
