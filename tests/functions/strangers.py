"""Clients from all over the world that try their luck at /auth."""

import random
from typing import Any

from tests.functions.calls import Answer, invoke
from tests.functions.events import rest_event

PASSWORD = "gooseberry jam"
WRONG = "not it, surely"


def somewhere(network: str = "") -> str:
    """A client address where nobody has been: in 198.18.0.0/15 (RFC 2544), or the given /24."""
    return f"{network or f'198.{random.choice((18, 19))}.{random.randrange(256)}'}.{random.randrange(256)}"


def post(path: str, body: dict[str, Any], address: str | None) -> Answer:
    """A POST as the gateway hands it over from a client at this address."""
    event = rest_event("POST", path, body)
    event["requestContext"]["identity"]["sourceIp"] = address
    return invoke(event)


def sign_in(email: str, password: str = WRONG, address: str | None = None, **more: Any) -> Answer:
    """A sign-in, by default with a wrong password and from an address where nobody has been."""
    return post("/auth/login", {"email": email, "password": password, **more}, address or somewhere())
