"""The callers of endpoints: anyone, signed in, staff, admin. A bad token is 401 even where none is needed."""

from typing import Annotated

from fastapi import Depends
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from starlette.requests import Request

from eatit.errors import Forbidden, Unauthenticated
from eatit.revocation import check
from eatit.security import Caller, Role, verify


class Bearer(SecurityBase):
    """Reads `Authorization: Bearer …`; with a role it demands one. `enrolling`: a token that can only enrol a second
    factor will do as well."""

    def __init__(self, role: Role | None, *, enrolling: bool = False) -> None:
        self.model = HTTPBearerModel(bearerFormat="JWT")
        self.scheme_name = "bearer"
        self.role = role
        self.enrolling = enrolling

    async def __call__(self, request: Request) -> Caller | None:
        header = request.headers.get("authorization")
        if header is None:
            if self.role is None:
                return None
            raise Unauthenticated
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("invalid_token")
        caller = verify(token.strip())
        check(caller)
        if caller.enrolling and not self.enrolling:
            raise Forbidden("second_factor_required")
        if self.role is not None and caller.role < self.role:
            raise Forbidden(role=self.role.name)
        return caller


any_caller = Bearer(None)
Anyone = Annotated[Caller | None, Depends(any_caller)]
SignedIn = Annotated[Caller, Depends(Bearer(Role.customer))]
Staff = Annotated[Caller, Depends(Bearer(Role.staff))]
Admin = Annotated[Caller, Depends(Bearer(Role.admin))]


def role_of(route: APIRoute) -> tuple[bool, Role | None]:
    """Whether a route reads access tokens at all, and the least role it demands; `None`: anyone's."""
    found = _bearers(route)
    return bool(found), max((bearer.role for bearer in found if bearer.role is not None), default=None)


def takes_enrolling(route: APIRoute) -> bool:
    """Whether a token that can only enrol a second factor serves at this route."""
    return all(bearer.enrolling for bearer in _bearers(route))


def _bearers(route: APIRoute) -> list[Bearer]:
    return [part.call for part in route.dependant.dependencies if isinstance(part.call, Bearer)]
