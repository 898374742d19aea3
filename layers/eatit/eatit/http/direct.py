"""Endpoints called without FastAPI's dependency solver, where there is nothing for it to solve: a third of a warm read.

Most endpoints take the request, ids that the path's own convertor has made into UUIDs, a caller, and perhaps one body.
What else a route declares (query parameters, headers, other dependencies) is FastAPI's to read, as ever.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.convertors import UUIDConvertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from eatit.http.callers import Bearer

_ABSENT = [{"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}]
NOTHING = object()
"""What a reader of bodies gives for an empty one."""


def direct_app(route: APIRoute, read_body: Callable[[Request], Awaitable[Any]]) -> ASGIApp | None:
    """The ASGI app that serves `route`, or `None` where it needs FastAPI's own.

    `read_body` gives the value of the JSON body, or `NOTHING`. The order is FastAPI's: a body that isn't JSON, then the
    caller, then the body's shape (`RequestValidationError`).
    """
    if not _is_plain(route):
        return None
    endpoint: Callable[..., Awaitable[Response]] = route.endpoint
    callers = [(part.name, part.call) for part in route.dependant.dependencies]
    request_name = route.dependant.request_param_name
    body = route.dependant.body_params[0] if route.dependant.body_params else None

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        values: dict[str, Any] = dict(scope["path_params"])
        given = NOTHING if body is None else await read_body(request)
        for name, caller in callers:
            values[name] = await caller(request)  # type: ignore[index,misc]
        if body is not None and (given is not NOTHING or body.field_info.is_required()):
            value, errors = (None, _ABSENT) if given is NOTHING else body.validate(given, loc=("body",))
            if errors:
                raise RequestValidationError(errors)
            values[body.name] = value
        if request_name is not None:
            values[request_name] = request
        response = await endpoint(**values)
        await response(scope, receive, send)

    return app


def _is_plain(route: APIRoute) -> bool:
    asked = route.dependant
    others = (asked.query_params, asked.header_params, asked.cookie_params)
    names = (
        asked.http_connection_param_name,
        asked.response_param_name,
        asked.background_tasks_param_name,
        asked.security_scopes_param_name,
    )
    ids = {name for name, convertor in route.param_convertors.items() if isinstance(convertor, UUIDConvertor)}
    return (
        route.endpoint.__annotations__.get("return") is Response
        and not any(others)
        and not any(names)
        and {field.name for field in asked.path_params} == set(route.param_convertors) == ids
        and all(field.field_info.annotation is UUID for field in asked.path_params)
        and all(isinstance(part.call, Bearer) for part in asked.dependencies)
        and (not asked.body_params or (len(asked.body_params) == 1 and not route._embed_body_fields))
    )
