"""How /auth answers: sessions and users as bytes, and what is noted of a client."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from auth.accounts import User
from auth.clients import Client
from auth.sessions import Session
from eatit.http.answers import JSON, dump, entity


def client_of(request: Request) -> Client:
    """Who is on the other end, as the gateway saw it: what a client says of its own address isn't read."""
    device = request.headers.get("user-agent", "").replace("\0", "")[:300]
    return Client(device or None, request.client.host if request.client else None)


def session_response(session: Session, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A session with its token pair; never cached (RFC 6749, section 5.1)."""
    body: dict[str, Any] = {
        "user": session.user,
        "access_token": session.access_token,
        "token_type": "Bearer",
        "expires_in": session.expires_in,
        "refresh_token": session.refresh_token,
    }
    if session.device_token is not None:
        body["device_token"] = session.device_token
    return Response(dump(body), status, headers={"Cache-Control": "no-store", **(headers or {})}, media_type=JSON)


def accepted_response() -> Response:
    """What was asked for is under way. An empty object: the gateway calls an answer of no type JSON, which nothing at
    all isn't."""
    return Response(dump({}), 202, media_type=JSON)


def user_response(request: Request, user: User) -> Response:
    """A user with its ETag."""
    return entity(request, dump(user), version=user["version"], varies=False, headers={"Vary": "Authorization"})
