"""Where the API is seen from outside: as the deployment says, else as the caller asked for it."""

import re
from typing import Any

from starlette.requests import Request

from eatit.errors import NotFound
from eatit.settings import settings

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?(:[0-9]{1,5})?")
# What says where a request went, and the form that the adapter between the event and the app stumbles without.
_FORMS = {"host": _HOST, "x-forwarded-port": re.compile("[0-9]{1,5}"), "x-forwarded-proto": re.compile("https?")}
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")


def plainly_addressed(event: dict[str, Any]) -> dict[str, Any]:
    """The event without headers that say where it went in a form that nothing plain has: anyone may send those."""
    for place in ("headers", "multiValueHeaders"):
        headers = event.get(place) or {}
        odd = {name for name, value in headers.items() if name.lower() in _FORMS and not _plain(name, value)}
        if odd:
            event = {**event, place: {name: value for name, value in headers.items() if name not in odd}}
    return event


def _plain(name: str, value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return len(values) == 1 and _FORMS[name.lower()].fullmatch(str(values[0])) is not None


def stage_of(event: dict[str, Any]) -> str:
    """What the caller's path has before ours: `/staging`, or nothing behind a custom domain."""
    asked, ours = str((event.get("requestContext") or {}).get("path") or ""), str(event.get("path") or "")
    return asked.removesuffix(ours) if ours and asked.endswith(ours) else ""


def outer_url(request: Request) -> str:
    """The URL under which the groups lie, without a slash at its end: `https://api.shop.example/staging`.

    Without `PUBLIC_URL` it is made of what was asked: only for the asker's own answer, which varies by what
    `outer_url_varies` says. Raises `NotFound` when the request names no plain host.
    """
    if settings().public_url:
        return settings().public_url
    event: dict[str, Any] = request.scope.get("aws.event") or {}
    named = (request.headers.get("host"), (event.get("requestContext") or {}).get("domainName"))
    host = next((each for each in named if isinstance(each, str) and _HOST.fullmatch(each)), None)
    stage = stage_of(event)
    if host is None or not _PREFIX.fullmatch(stage):
        raise NotFound
    # API Gateway speaks nothing else than TLS; a plain scheme is a server's on one's own machine.
    scheme = "http" if request.scope.get("scheme") == "http" else "https"
    return f"{scheme}://{host.lower()}{stage}"


def outer_url_varies() -> str | None:
    """The headers that `outer_url` depends on, for `Vary`; None when the deployment has said where it is."""
    return None if settings().public_url else "Host, X-Forwarded-Proto"
