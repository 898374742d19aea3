"""A group's app and its Lambda handler: FastAPI put together from endpoint files, wrapped by Mangum."""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from mangum import Mangum
from mangum.handlers import APIGateway
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eatit.errors import DomainError, MisconfiguredError
from eatit.http.addresses import plainly_addressed, stage_of
from eatit.http.bodies import StrictRoute, invalid_request
from eatit.http.documentation import documentation_routes
from eatit.http.edge import Edge, note_unavailable
from eatit.http.health import HEALTH_TAG, Check, health_route
from eatit.http.problems import problem_response
from eatit.observability import metrics
from eatit.settings import settings

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
ALLOWED_HEADERS = [
    "Authorization",
    "Content-Type",
    "Accept-Language",
    "If-Match",
    "If-None-Match",
    "Idempotency-Key",
    "X-Basket-Token",
    "X-Request-Id",
]
EXPOSED_HEADERS = ["ETag", "Location", "X-Basket-Token", "X-Request-Id", "Idempotency-Replayed", "Retry-After"]
TEXT_TYPES = ["application/problem+json", "application/json", "text/", "application/javascript", "image/svg+xml"]

CONVENTIONS = (
    "Errors are problem details (RFC 9457) in Russian or English by `Accept-Language`; their `code` is stable. Money "
    "is in minor units, ids are UUIDs, times are UTC, quantities have three places. No text may hold NUL or broken "
    "Unicode, no number an exponent. HEAD answers wherever GET does, OPTIONS everywhere."
)


def endpoint_router() -> APIRouter:
    """The router that an endpoint file puts its routes on, with their whole paths."""
    return APIRouter(route_class=StrictRoute, strict_content_type=False)


def create_app(
    group: str,
    routers: Sequence[APIRouter],
    checks: dict[str, Check],
    *,
    title: str,
    description: str,
    tags: dict[str, str],
) -> FastAPI:
    """The FastAPI app of `/<group>/…`: the endpoints, health, documentation, problem details for whatever goes wrong.

    `title`, `description` and `tags` (what each of the endpoints' tags stands for) are the documentation's.

    Endpoints are `async def` over blocking drivers on purpose: a Lambda environment serves one request at a time, and
    the thread pool of plain `def` costs three to four times as much. Never serve production from uvicorn with it.
    """
    app = FastAPI(
        title=title,
        version="0.1.0",
        description=description,
        openapi_tags=[{"name": name, "description": words} for name, words in {**tags, **HEALTH_TAG}.items()],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # the logs and metrics here are Powertools'
        exception_handlers={
            DomainError: _domain_error,
            HTTPException: _http_error,
            RequestValidationError: _validation_error,
            Exception: _unexpected_error,
        },
    )
    # Flat, not included: FastAPI resolves an included router anew at each request.
    for router in (*routers, health_route(group, checks)):
        app.router.routes.extend(router.routes)
    app.router.routes.extend(documentation_routes(app, group))
    return app


def create_handler(app: FastAPI) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The Lambda handler of an app, for REST API events: `handler(event, context)`."""
    adapter = _RestApi(surrounded(app), lifespan="off", text_mime_types=TEXT_TYPES)  # type: ignore[arg-type]

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        try:
            return adapter(event, context)
        finally:
            if metrics.metric_set:
                metrics.flush_metrics()

    return handler


class _RestApi(Mangum):
    """Mangum for REST API events alone, without its queue and states: the edge answers everything, even errors."""

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        gateway = APIGateway(plainly_addressed(event), context, self.config)
        given: Message = {"type": "http.request", "body": gateway.body, "more_body": False}
        begun: Message = {}
        body = b""

        async def receive() -> Message:
            return given

        async def send(message: Message) -> None:
            nonlocal begun, body
            if message["type"] == "http.response.start":
                begun = message
            else:
                body += message.get("body", b"")

        served = self.app(gateway.scope, receive, send)
        asyncio.get_event_loop().run_until_complete(served)
        headers = begun["headers"]
        if begun["status"] in (201, 202):
            stage = stage_of(event).encode()
            headers = [(name, stage + value if name == b"location" else value) for name, value in headers]
        return gateway({"status": begun["status"], "headers": headers, "body": body})


def surrounded(app: FastAPI) -> ASGIApp:
    """The app inside the edge inside CORS; settings are read at the first request, not at import."""
    edge = Edge(app)
    kept: dict[tuple[str, ...], ASGIApp] = {(): edge}

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        origins = _origins()
        if origins not in kept:
            kept[origins] = _with_cors(edge, origins)
        await kept[origins](scope, receive, send)

    return asgi


def _origins() -> tuple[str, ...]:
    try:
        return settings().cors_origins
    except MisconfiguredError:
        return ()  # the request itself fails of it, and the edge logs why


def _with_cors(edge: Edge, origins: tuple[str, ...]) -> ASGIApp:
    return _Cors(
        edge,
        allow_origin_regex="|".join(_origin_pattern(origin) for origin in origins),
        allow_methods=METHODS,
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=600,
    )


def _origin_pattern(origin: str) -> str:
    if origin == "*":
        return ".*"
    return re.escape(origin).replace(r":\*", ":[0-9]+").replace(r"\*", "[A-Za-z0-9.-]*")


class _Cors(CORSMiddleware):
    """Starlette's CORS, but a refused preflight is an empty 204 without permission, not plain text."""

    async def simple_response(self, scope: Scope, receive: Receive, send: Send, request_headers: Headers) -> None:
        """Most callers are no browsers and send no Origin: they get `Vary: Origin` and none of the rest's work."""
        if "origin" in request_headers:
            await super().simple_response(scope, receive, send, request_headers)
            return

        async def varying(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _varying_by_origin(message["headers"])
            await send(message)

        await self.app(scope, receive, varying)

    def preflight_response(self, request_headers: Any) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            response.headers["vary"] = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        allowed = {
            name: value for name, value in response.headers.items() if name.startswith(("access-control", "vary"))
        }
        if response.status_code != 200:
            allowed.pop("access-control-allow-origin", None)
        return Response(None, 204, headers=allowed)


def _varying_by_origin(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    vary = b", ".join([*(value for name, value in headers if name == b"vary"), b"Origin"])
    return [*(each for each in headers if each[0] != b"vary"), (b"vary", vary)]


async def _domain_error(request: Request, error: DomainError) -> Response:
    accept_language = request.headers.get("accept-language")
    note_unavailable(error)
    return problem_response(error, path=request.url.path, accept_language=accept_language)


async def _validation_error(request: Request, error: RequestValidationError) -> Response:
    return await _domain_error(request, invalid_request(error))


async def _unexpected_error(request: Request, _error: Exception) -> Response:
    """Starlette raises the error again after this answer, so the edge logs it."""
    return await _domain_error(request, DomainError())


async def _http_error(request: Request, error: HTTPException) -> Response:
    headers: dict[str, str] = {}
    code = {400: "unreadable_json", 404: "not_found", 405: "method_not_allowed"}.get(
        error.status_code, "internal_error"
    )
    if code == "method_not_allowed":
        headers["Allow"] = ", ".join(_allowed_methods(request))
        if request.method == "OPTIONS":
            return Response(None, 204, headers=headers)
    accept_language = request.headers.get("accept-language")
    return problem_response(DomainError(code), path=request.url.path, accept_language=accept_language, headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    """Every method that some route has at this path: Starlette alone names the first route's only."""
    found: set[str] = {"OPTIONS"}
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] != Match.NONE:
            found |= route.methods or set()
    if "GET" in found:
        found.add("HEAD")
    return sorted(found)
