"""What surrounds every request of a group: request id, whole body with its limit, HEAD, one log line, no bare 500."""

import time
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eatit.errors import DomainError, MisconfiguredError, NotFound
from eatit.http.bodies import MAX_BYTES
from eatit.http.problems import problem_response
from eatit.observability import begin_trace, logger, note_request


class Edge:
    """The outermost ASGI layer, inside CORS: whatever happens below, the caller gets an answer of the right shape."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        trace = begin_trace(headers.get("x-request-id")).encode()
        bodiless = scope["method"] == "HEAD"
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", trace),
                    (b"x-content-type-options", b"nosniff"),
                ]
            elif bodiless:
                message = {**message, "body": b""}
            await send(message)

        if bodiless:
            scope["method"] = "GET"
        try:
            if "\n" in scope["path"]:
                # The router's patterns end with `$`, which would let one pass at the end.
                raise NotFound
            body = await _whole_body(receive, headers)
            scope["eatit.body"] = body
            await self.app(scope, _again(body), answer)
        except DomainError as error:
            note_unavailable(error)
            await self._problem(error, scope, receive, answer)
        except Exception as error:
            reason = str(error) if isinstance(error, MisconfiguredError) else "unhandled exception"
            logger.exception(reason)
            if not status:
                await self._problem(DomainError(), scope, receive, answer)
        finally:
            _note(scope, status or 500, time.perf_counter() - started)

    @staticmethod
    async def _problem(error: DomainError, scope: Scope, receive: Receive, send: Send) -> None:
        accept_language = Headers(scope=scope).get("accept-language")
        await problem_response(error, path=scope["path"], accept_language=accept_language)(scope, receive, send)


def note_unavailable(error: DomainError) -> None:
    """Log why the caller is sent away for a moment; all other problems are the caller's own and only counted."""
    if error.code == "unavailable":
        logger.warning("answered with a problem", code=error.code, exc_info=error)


async def _whole_body(receive: Receive, headers: Headers) -> bytes:
    declared = headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > MAX_BYTES:
        raise DomainError("body_too_large")
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body") and len(body) <= MAX_BYTES:
        message = await receive()
        body += message.get("body", b"")
    if len(body) > MAX_BYTES:
        raise DomainError("body_too_large")
    return body


def _again(body: bytes) -> Receive:
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _note(scope: Scope, status: int, seconds: float) -> None:
    route: Any = scope.get("route")
    path = getattr(route, "path", None) or "unknown"
    note_request(method=scope["method"], route=path, status=status, milliseconds=round(seconds * 1000, 2))
