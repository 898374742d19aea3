"""What the tests of mail share: events that ask for one, the mails that were laid down, and a server to be scripted."""

import contextlib
import io
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import UUID

import pika
import pytest

from eatit.identifiers import uuid7
from eatit.observability import logger
from tests.functions.calls import unique
from tests.functions.events import Context, message, rmq_event

Person = tuple[UUID, str]  # id and address
TOKEN = re.compile(r"(?:Code|Код): (\S+)")


def mail_message(user_id: UUID, kind: Any, **given: Any) -> bytes:
    """The body of an event that asks for a mail."""
    state = {"user_id": str(user_id), "kind": kind}
    return message(state, aggregate=user_id, version=1, kind="auth.mail.requested", **given)


def mail_event(*bodies: bytes, queue: str = "auth.mail", message_ids: list[str] | None = None) -> dict[str, Any]:
    """A batch of them."""
    return rmq_event(*bodies, queue=queue, message_ids=message_ids)


def event_id(body: bytes) -> UUID:
    """The id of the event in a message's body."""
    return UUID(json.loads(body)["id"])


def handled(*bodies: bytes, context: Context | None = None) -> dict[str, int]:
    """What MailFunction says of a batch of these bodies, without what it did none of."""
    from auth.mail import handler

    found: dict[str, int] = handler(mail_event(*bodies), context or Context())
    return {name: count for name, count in found.items() if count}


def done(sql: Any, body: bytes) -> Any:
    """Whether the mail that a body asks for was dealt with; `None` where nobody has begun."""
    row = sql.execute("SELECT done_at IS NOT NULL FROM auth.inbox WHERE event_id = %s", [event_id(body)]).fetchone()
    return row and row[0]


def mails_to(shop: dict[str, Any], address: str) -> list[EmailMessage]:
    """The mails that lie there for an address, oldest first."""
    found = []
    for path in sorted(Path(shop["mail_dir"]).glob("*.eml")):
        with contextlib.suppress(FileNotFoundError):
            read = message_from_bytes(path.read_bytes(), policy=default)
            if read["Delivered-To"] == address:
                found.append(read)
    return found


def said(mail: EmailMessage, form: str = "plain") -> str:
    """The text of a mail, or its HTML."""
    part = mail.get_body((form,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def token_in(mail: EmailMessage) -> str:
    """The token that a mail brings."""
    found = TOKEN.search(said(mail))
    assert found
    return found.group(1)


def listened(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The log as it is written from now on, every field of it."""
    heard = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", heard)
    return heard


@contextlib.contextmanager
def people(sql: Any) -> Iterator[Callable[..., Person]]:
    """Makes users, `make(language="en")`, that are gone with the block."""
    made: list[UUID] = []

    def make(email: str | None = "", **columns: Any) -> Person:
        user_id = uuid7()
        address = f"{unique()}@example.org" if email == "" else email
        row = {"id": user_id, "email": address, "language": "ru", **columns}
        names, places = ", ".join(row), ", ".join(f"%({name})s" for name in row)
        sql.execute(f"INSERT INTO auth.users ({names}) VALUES ({places})", row)
        made.append(user_id)
        return user_id, address or ""

    yield make
    sql.execute("DELETE FROM auth.users WHERE id = ANY(%s)", [made])


@contextlib.contextmanager
def parking(shop: dict[str, Any], queue: str) -> Iterator[Callable[[], dict[str, Any]]]:
    """Takes what lies in a queue, `take()`: by message id, the headers and the body. What lay there before is gone."""
    connection = pika.BlockingConnection(pika.URLParameters(shop["amqp_url"]))
    channel = connection.channel()

    def take() -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            method, properties, body = channel.basic_get(queue, auto_ack=True)
            if method is None:
                return found
            found[properties.message_id] = (properties.headers, body)

    take()
    yield take
    connection.close()


class ScriptedServer:
    """An SMTP server that answers as it is told: by verb (`EHLO`, `MAIL`, `RCPT`, `DATA`, `.` for the message itself,
    `QUIT`), or by the words that an address holds. It keeps what it takes in `taken`."""

    def __init__(self, answers: dict[str, str] | None = None, greeting: str = "220 ready") -> None:
        self.answers = answers or {}
        self.greeting = greeting
        self.taken: list[bytes] = []
        self.recipients: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        lines = connection.makefile("rb")
        connection.sendall(f"{self.greeting}\r\n".encode())
        for line in lines:
            verb = line[:4].decode().upper().strip()
            answer = self._answer(verb, line.decode("utf-8", "replace"))
            connection.sendall(f"{answer}\r\n".encode())
            if verb == "RCPT" and answer.startswith("2"):
                self.recipients.append(line.decode().partition(":")[2].strip())
            if verb == "DATA" and answer.startswith("3"):
                body = b"".join(iter(lines.readline, b".\r\n"))
                answer = self._answer(".", "")
                if answer.startswith("2"):
                    self.taken.append(body)
                connection.sendall(f"{answer}\r\n".encode())
            if verb == "QUIT" or answer.startswith("421"):
                return

    def _answer(self, verb: str, line: str) -> str:
        for what, answer in self.answers.items():
            if what == verb or (verb == "RCPT" and len(what) > 4 and what in line):
                return answer
        return {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 ok")


@contextlib.contextmanager
def scripted(answers: dict[str, str] | None = None, greeting: str = "220 ready") -> Iterator[ScriptedServer]:
    """A scripted server for as long as the block lasts."""
    server = ScriptedServer(answers, greeting)
    try:
        yield server
    finally:
        server.close()
