"""A small client of EatIt's own API, for putting the demo shop in: kept connections, patience while functions start."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from localstack.failures import Stopped
from localstack.second_factor import codes

# What the gateway and the functions answer while workers start or are all busy.
BUSY = (429, 502, 503, 504)
PATIENCE_SECONDS = 60.0
TIMEOUT_SECONDS = 30.0


class Refused(Exception):
    """A request got an answer that it shouldn't (`status`, and a problem's `code`), or none at all: the message says
    which and what."""

    def __init__(self, message: str, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message.rstrip("."))
        self.status = status
        self.code = code


class Client:
    """Speaks JSON to EatIt at `url`; each thread keeps a connection of its own. A context manager: it closes them.

    Once `stopping` is set no request is sent, nor sent again: every method raises `Stopped` then.
    """

    def __init__(self, url: str, stopping: threading.Event | None = None) -> None:
        self._stopping = stopping or threading.Event()
        parts = urlsplit(url)
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._address = (parts.hostname or "127.0.0.1", parts.port)
        self._prefix = parts.path.rstrip("/")
        self._token: str | None = None
        self._refresh_token: str | None = None
        self._refreshing = threading.Lock()
        self._own = threading.local()
        self._opened: list[http.client.HTTPConnection] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._opened:
            connection.close()

    def log_in(self, email: str, password: str, totp_secret: str | None = None) -> dict[str, Any]:
        """Send this user's access token with every later request, and another when it has expired → the user.

        `totp_secret` (base32) is that of the user's authenticator, where there is one. Raises `Refused`.
        """
        self._token = self._refresh_token = None
        body = {"email": email, "password": password}
        if totp_secret is None:
            answer = self.post("/auth/login", body)
        else:
            answer = self._by_code(totp_secret, lambda code: self.post("/auth/login", {**body, "totp_code": code}))
        self._token, self._refresh_token = answer["access_token"], answer["refresh_token"]
        user: dict[str, Any] = answer["user"]
        return user

    def enrol(self, keep: Callable[[str], None]) -> None:
        """Give whoever is signed in an authenticator; their token has the role's full rights afterwards.

        `keep` is told its secret before it counts, so that nobody is locked out by an end in between. Raises `Refused`.
        """
        secret = self.post("/auth/totp", {})["secret"]
        keep(secret)
        answer = self._by_code(secret, lambda code: self.post("/auth/totp/confirm", {"code": code}))
        self._token = answer["access_token"]

    @staticmethod
    def _by_code(secret: str, show: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
        refused: Refused | None = None
        for code in codes(secret):
            try:
                return show(code)
            except Refused as error:
                if error.code != "invalid_totp_code":
                    raise
                refused = error
        assert refused is not None
        raise refused

    def post(
        self, path: str, body: dict[str, Any], *, unless: int | None = None, key: str | None = None
    ) -> dict[str, Any]:
        """POST `body` and return what is answered; `unless` is a status that is as good as a success.

        Busy answers and broken connections are tried again for a minute, so what is posted must bear coming twice: a
        unique code, slug, sku or address makes the second 409, and an Idempotency-Key, `key`, the first again. Raises
        `Refused`.
        """
        return self._send("POST", path, body, unless, key)

    def get(self, path: str) -> dict[str, Any]:
        """GET what is at `path`, as patiently as `post`."""
        return self._send("GET", path, None, None)

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """PATCH what is at `path`, as patiently as `post`."""
        return self._send("PATCH", path, body, None)

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, unless: int | None, key: str | None = None
    ) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause, refreshed = 0.05, False
        while not self._stopping.is_set():
            token = self._token
            try:
                status, answer = self._exchange(method, path, body, key)
                said = f"{method} {path} was answered {status}: {answer.get('detail') or answer.get('title') or answer}"
                if 200 <= status < 300 or status == unless:
                    return answer
                if status == 401 and not refreshed and self._refreshed(token):
                    refreshed = True
                    continue
                if status not in BUSY:
                    faults = answer.get("errors")
                    raise Refused(f"{said}{f' {faults}' if faults else ''}", status, answer.get("code"))
            except (OSError, http.client.HTTPException) as error:
                self._forget()
                said = f"{method} {path} got no answer: {error or type(error).__name__}"
            if time.monotonic() + pause > deadline:
                raise Refused(said)
            self._stopping.wait(pause)
            pause = min(pause * 2, 1.0)
        raise Stopped

    def _refreshed(self, token: str | None) -> bool:
        """Whether another access token than this one is there now."""
        with self._refreshing:
            if token is None or self._refresh_token is None:
                return False
            if token == self._token:
                refresh_token, self._token, self._refresh_token = self._refresh_token, None, None
                status, answer = self._exchange("POST", "/auth/refresh", {"refresh_token": refresh_token}, None)
                if status != 200:
                    return False
                self._token, self._refresh_token = answer["access_token"], answer["refresh_token"]
            return True

    def _exchange(
        self, method: str, path: str, body: dict[str, Any] | None, key: str | None
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if key:
            headers["Idempotency-Key"] = key
        connection = self._connection()
        sent = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        connection.request(method, self._prefix + path, sent, headers)
        response = connection.getresponse()
        raw = response.read()
        try:
            answer = json.loads(raw) if raw else {}
        except ValueError:
            answer = {"detail": raw[:200].decode("utf-8", "replace")}
        return response.status, answer if isinstance(answer, dict) else {"detail": answer}

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._kind(*self._address, timeout=TIMEOUT_SECONDS)
            self._own.connection = connection
            self._opened.append(connection)
        return connection

    def _forget(self) -> None:
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        self._own.connection = None
        if connection is not None:
            connection.close()
