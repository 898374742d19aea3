"""Rules alone: no test of this room reaches a server, and settings stand as on some deployment."""

import socket
from collections.abc import Iterator
from typing import Any, NoReturn

import psycopg
import pytest

import auth.keys
import eatit.security
from eatit.security import forget_keys
from eatit.settings import settings
from tests.unit.vault import Vault

ENVIRONMENT = {
    "STAGE": "unit",
    "SECRETS_PREFIX": "eatit/unit",
    "DATABASE_URL": "postgresql://database.invalid:5432/eatit",
    "REDIS_URL": "redis://cache.invalid:6379/0",
    "AMQP_URL": "amqp://broker.invalid:5672/%2F",
    "CORS_ORIGINS": "http://localhost:*,https://shop.example",
    "CURRENCY": "RUB",
    "DEFAULT_LANGUAGE": "ru",
    "TOKEN_ISSUER": "https://eatit/unit",
    "TOKEN_AUDIENCE": "eatit",
    "PREPARE_STATEMENTS": "on",
}


class SocketUsed(AssertionError):
    """A unit test tried to reach a server."""


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise SocketUsed("a unit test opens no sockets")


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way out is shut; libpq has sockets of its own, hence psycopg."""
    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, _refuse)
    monkeypatch.setattr(socket, "getaddrinfo", _refuse)
    monkeypatch.setattr(psycopg, "connect", _refuse)


@pytest.fixture(autouse=True)
def deployment(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The settings of a deployment that is nowhere."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    """Keys of our own, so that tokens are signed and hold without any server."""
    made = Vault()
    monkeypatch.setattr(auth.keys, "secret", lambda name: made.signing)
    monkeypatch.setattr(eatit.security, "secret", made.public)
    forget_keys()
    yield made
    forget_keys()
