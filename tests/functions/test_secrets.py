"""Secrets as they are on AWS: from the Parameters and Secrets extension's local port, and from the service itself."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from eatit.errors import MisconfiguredError, Unavailable
from eatit.secrets import forget_secrets, secret
from eatit.settings import settings


class Extension(ThreadingHTTPServer):
    """Stands in for the extension: what it was asked, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, list[str]], str | None]] = []
        self.answer: tuple[int, bytes] = (200, json.dumps({"SecretString": '{"username": "eatit"}'}).encode())
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Extension

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        assert parts.path == "/secretsmanager/get"
        self.server.asked.append((parse_qs(parts.query), self.headers["X-Aws-Parameters-Secrets-Token"]))
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> Iterator[Extension]:
    with Extension() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", str(server.server_port))
        monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
        forget_secrets()
        yield server
        server.shutdown()
        thread.join()
    forget_secrets()


def test_the_extension_is_asked_with_the_sessions_token(extension: Extension) -> None:
    assert secret("broker") == secret("broker") == {"username": "eatit"}
    name = f"{settings().secrets_prefix}/broker"
    assert extension.asked == [({"secretId": [name]}, "session")]


def test_a_newer_secret_is_asked_past_the_extensions_own_cache(extension: Extension) -> None:
    import time

    secret("broker")
    secret("broker", newer_than=time.monotonic())
    assert extension.asked[1][0]["refreshNow"] == ["true"]


@pytest.mark.parametrize("status", [400, 404])
def test_a_secret_that_isnt_there_is_a_misconfiguration(extension: Extension, status: int) -> None:
    extension.answer = (status, b"no")
    with pytest.raises(MisconfiguredError, match="broker"):
        secret("broker")


def test_an_extension_that_fails_is_a_passing_fault(extension: Extension) -> None:
    extension.answer = (500, b"oops")
    with pytest.raises(Unavailable):
        secret("broker")


def test_an_extension_that_is_away_is_a_passing_fault(extension: Extension, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "1")
    with pytest.raises(Unavailable):
        secret("broker")


def test_the_service_itself_is_asked_where_there_is_no_extension(shop: dict[str, Any]) -> None:
    forget_secrets()
    assert secret("database/store")["username"] == "eatit_store"
    with pytest.raises(MisconfiguredError, match="nothing"):
        secret("nothing")
