"""The callers of /auth: like everybody's, but that staff and admins are looked up in Postgres at each request.

Elsewhere a token that was ended early is known by its mark in Redis, which may be away; here, where roles are given
and accounts closed, a role counts only if it still stands.
"""

from typing import Annotated

from fastapi import Depends
from sqlalchemy import bindparam, select
from starlette.requests import Request

from auth.database import database
from auth.tables import sessions, users
from eatit.errors import Unauthenticated
from eatit.http.callers import Bearer
from eatit.security import Caller, Role

_standing = (
    select(users.c.role)
    .join(sessions, sessions.c.user_id == users.c.id)
    .where(
        users.c.id == bindparam("user"),
        ~users.c.disabled,
        sessions.c.id == bindparam("session"),
        sessions.c.revoked_at.is_(None),
    )
)


class StandingBearer(Bearer):
    """A bearer whose role above customer, session and account stand in Postgres now."""

    async def __call__(self, request: Request) -> Caller | None:
        caller = await super().__call__(request)
        if caller is not None and caller.is_staff:
            known = {"user": caller.user_id, "session": caller.session_id}
            if database.read(_standing, known).scalar_one_or_none() != caller.role.name:
                raise Unauthenticated("invalid_token")
        return caller


SignedIn = Annotated[Caller, Depends(StandingBearer(Role.customer))]
Enrolling = Annotated[Caller, Depends(StandingBearer(Role.customer, enrolling=True))]
Admin = Annotated[Caller, Depends(StandingBearer(Role.admin))]
