"""Accounts to sign in with, by the hundred, and addresses of the network to do it from."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.performance.requests_of import rest_event

PASSWORD = "correct horse battery 42"


def answered(event: dict[str, Any], status: int) -> Any:
    """The body of what AuthFunction's handler answers, which must be this status."""
    from auth.app import handler

    answer = handler(event, None)
    assert answer["statusCode"] == status, answer
    return json.loads(answer["body"]) if answer["body"] else None


def post(path: str, body: Any, address: str) -> dict[str, Any]:
    """A POST from this network address."""
    return rest_event("POST", path, body=body, address=address)


def addresses() -> Iterator[str]:
    """Network addresses of as many customers, each in a network of its own: the limits that hold are the shop's, and
    none of these reaches one."""
    first = uuid.uuid4().bytes[:2]
    for number in itertools.count():
        yield f"{first[0] % 90 + 10}.{first[1]}.{number % 250}.{number // 250 + 1}"


def unknown_emails() -> Iterator[str]:
    """Addresses that nobody has."""
    while True:
        yield f"bench-{uuid.uuid4().hex[:12]}@example.org"


def made_accounts(stack: Mapping[str, Any], count: int) -> list[str]:
    """The e-mail addresses of so many new accounts, all with `PASSWORD`."""
    from auth.passwords import hash_password

    emails = list(itertools.islice(unknown_emails(), count))
    kept = hash_password(PASSWORD)
    with psycopg.connect(stack["database_url"]) as connection:
        for email in emails:
            connection.execute(
                "INSERT INTO auth.users (id, email, language, password_hash) VALUES (%s, %s, 'en', %s)",
                (uuid.uuid4(), email, kept),
            )
    return emails


def connected(stack: Mapping[str, Any], role: str) -> psycopg.Connection[Any]:
    """As this role, in autocommit, on a server that really writes what it commits."""
    from eatit.secrets import secret

    login = secret(f"database/{role}")
    parts = urlsplit(stack["environment"]["DATABASE_URL"])
    connection: psycopg.Connection[Any] = psycopg.connect(
        host=parts.hostname, port=parts.port, dbname=parts.path.lstrip("/"),
        user=login["username"], password=login["password"], autocommit=True,
    )  # fmt: skip
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        row = connection.execute(f"SHOW {setting}").fetchone()
        assert row == ("on",), f"{setting} is {row}: the figure would mean nothing"
    return connection
