"""Requests as no HTTP library would send them: the bytes go to the socket as they are."""

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.gateway.shop import FIELDS

TIMEOUT = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers by their names in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes


def send(url: str, method: str, target: bytes, headers: Sequence[bytes] = (), body: bytes | None = None) -> Answer:
    """One request on a connection of its own; `target` is what stands behind the method."""
    place = urlsplit(url)
    lines = [method.encode() + b" " + target + b" HTTP/1.1"]
    if not any(header.lower().startswith(b"host:") for header in headers):
        lines.append(b"Host: " + place.netloc.encode())
    lines += headers
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    lines.append(b"Connection: close")
    assert place.hostname is not None
    with socket.create_connection((place.hostname, place.port or 80), timeout=TIMEOUT) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + (body or b""))
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    head, _, rest = received.partition(b"\r\n\r\n")
    first, *named = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in named)
    return Answer(int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}, rest)


def civil(answer: Answer, *, head: bool = False) -> dict[str, Any]:
    """An answer that is no fault of the shop's and, if it refuses, says so as every problem is said; the problem."""
    assert 200 <= answer.status < 500, answer
    assert answer.headers["x-request-id"]
    if answer.status < 400:
        return {}
    assert answer.headers["content-type"] == "application/problem+json", answer
    if head:
        assert not answer.body
        return {}
    problem: dict[str, Any] = json.loads(answer.body)
    assert problem.keys() >= FIELDS
    assert problem["status"] == answer.status
    assert problem["trace_id"] == answer.headers["x-request-id"]
    return problem
