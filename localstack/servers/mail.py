"""The mail sink: an SMTP server on loopback that lays every mail as a file into `<run directory>/mail/`.

It runs as a process of its own, `python -m localstack.servers.mail PORT DIRECTORY`, and passes nothing on.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import signal
import smtplib
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from localstack.failures import StackFailure
from localstack.ports import LOOPBACK, free_port
from localstack.processes import Processes
from localstack.template import ROOT

FOLDER = "mail"
KEPT = 1000
LARGEST_BYTES = 10_000_000
TAKEN, FULL = "250 2.0.0 OK", "452 4.3.1 The mail can't be laid down"


def start(processes: Processes) -> str:
    """Starts the sink and waits for it; answers its URL, `smtp://127.0.0.1:port`. Raises ServerDied."""
    directory = folder(processes.run_directory)
    directory.mkdir(mode=0o700, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "localstack.servers.mail", str(port), str(directory)]
    child = processes.start("mail", command, directory=ROOT)
    processes.wait_ready("The mail sink", child, lambda: greets(LOOPBACK, port), log="mail")
    return f"smtp://{LOOPBACK}:{port}"


def folder(run_directory: Path) -> Path:
    """Where the mails of a stack lie."""
    return run_directory / FOLDER


def given(url: str) -> str:
    """A server of somebody else's, at `url`, when it greets as one of SMTP does; `ses://` is the emulator's SES.

    Raises StackFailure when it doesn't.
    """
    if url == "ses://":
        return url
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "smtp" and parts.hostname and parts.port and not parts.username
    except ValueError:
        usable = False
    if not usable:
        raise StackFailure("MAIL_URL can't be read: it is like smtp://127.0.0.1:1025, without user or password.")
    if not greets(parts.hostname or "", parts.port or 0):
        raise StackFailure("No mail server answers at MAIL_URL: start it, or unset the variable to get one.")
    return url


def greets(host: str, port: int) -> bool:
    """Whether an SMTP server answers there."""
    try:
        smtplib.SMTP(host, port, local_hostname="localhost", timeout=3).quit()
    except OSError:
        return False
    return True


class Sink:
    """aiosmtpd's handler: every mail becomes a file `<nanoseconds>-<random>.eml`, for its owner's eyes alone.

    Names sort by time. A file is there whole or not at all; of more than `kept` the oldest go. Above the message's own
    headers stand Return-Path and Delivered-To with the envelope, as a mailbox would have them.
    """

    def __init__(self, directory: Path, kept: int = KEPT) -> None:
        self._directory = directory
        self._kept = kept

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Lay the mail down; the answer to the client."""
        route = [f"Return-Path: <{envelope.mail_from}>", *(f"Delivered-To: {name}" for name in envelope.rcpt_tos)]
        head = "".join(f"{line}\r\n" for line in route).encode("utf-8", "surrogateescape")
        try:
            name = self._lay(head + envelope.content)
            self._forget_oldest()
        except OSError as error:
            print(f"a mail can't be laid down: {error.strerror}", file=sys.stderr, flush=True)
            return FULL
        print(f"{name}: {len(envelope.content)} bytes", flush=True)
        return TAKEN

    def _lay(self, content: bytes) -> str:
        name = f"{time.time_ns():020}-{secrets.token_hex(4)}.eml"
        draft = self._directory / f".{name}.draft"
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            draft.rename(self._directory / name)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        return name

    def _forget_oldest(self) -> None:
        for path in sorted(self._directory.glob("[0-9]*.eml"))[: -self._kept]:
            path.unlink(missing_ok=True)


async def serve(port: int, directory: Path) -> None:
    """Take mail until SIGTERM or SIGINT."""
    from aiosmtpd.smtp import SMTP

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    for draft in directory.glob(".*.draft"):  # of a sink that was killed
        draft.unlink(missing_ok=True)
    sink = Sink(directory)

    def session() -> Any:
        return SMTP(sink, data_size_limit=LARGEST_BYTES, enable_SMTPUTF8=True, hostname="localhost", ident="EatIt sink")

    server = await loop.create_server(session, LOOPBACK, port)
    await stopping.wait()
    server.close()


def main() -> None:
    """Take mail on a loopback port and lay it into a directory."""
    parser = argparse.ArgumentParser(prog="python -m localstack.servers.mail", description=main.__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("directory", type=Path)
    given_ = parser.parse_args()
    asyncio.run(serve(given_.port, given_.directory))


if __name__ == "__main__":
    main()
