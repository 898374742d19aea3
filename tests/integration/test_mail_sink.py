"""The mail sink for real: what it lays down, who may read it, how much it keeps, and what a stack says of it."""

from __future__ import annotations

import contextlib
import os
import signal
import smtplib
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import SMTPUTF8
from pathlib import Path

import pytest

from localstack.ports import LOOPBACK, free_port
from localstack.processes import Processes
from localstack.servers import mail
from localstack.template import ROOT
from tests.integration.test_local_stack import Terminal, one_sentence

FROM = "no-reply@eatit.example"
LETTER = "From: no-reply@eatit.example\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nПривет!\r\n..dots\r\n"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    (tmp_path / "logs").mkdir()
    made = Processes(tmp_path)
    yield made
    made.end()


@pytest.fixture
def sink(processes: Processes) -> int:
    """The port of a running sink."""
    return int(mail.start(processes).rpartition(":")[2])


def laid(processes: Processes) -> list[Path]:
    return sorted(mail.folder(processes.run_directory).iterdir())


def send(port: int, *to: str, subject: str = "x", international: bool = False) -> None:
    options = ["SMTPUTF8", "BODY=8BITMIME"] if international else []
    with smtplib.SMTP(LOOPBACK, port, timeout=10) as server:
        server.sendmail(FROM, list(to), LETTER.format(to=to[0], subject=subject).encode(), mail_options=options)


def test_a_mail_is_a_file_of_its_owners_with_the_envelope_on_top(processes: Processes, sink: int) -> None:
    send(sink, "anna@example.org", "boris@example.org", subject="one")
    send(sink, "анна@example.org", subject="два", international=True)
    first, second = laid(processes)
    for path in (first, second):
        assert path.suffix == ".eml"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
    read = message_from_bytes(first.read_bytes(), policy=SMTPUTF8)
    assert read["Return-Path"] == f"<{FROM}>"
    assert read.get_all("Delivered-To") == ["anna@example.org", "boris@example.org"]
    assert read["Subject"] == "one"
    assert first.read_bytes().endswith("\r\n\r\nПривет!\r\n..dots\r\n".encode())
    assert "Delivered-To: анна@example.org\r\n" in second.read_bytes().decode()
    said = (processes.logs / "mail.log").read_text()
    assert first.name in said
    assert "@" not in said


def test_many_at_once_are_all_there(processes: Processes, sink: int) -> None:
    threads = [
        threading.Thread(target=send, args=(sink, f"u{number}@example.org"), kwargs={"subject": f"s{number}"})
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    subjects = {message_from_bytes(path.read_bytes(), policy=SMTPUTF8)["Subject"] for path in laid(processes)}
    assert subjects == {f"s{number}" for number in range(20)}


def test_only_the_newest_are_kept(processes: Processes) -> None:
    directory = mail.folder(processes.run_directory)
    directory.mkdir()
    for number in range(mail.KEPT + 5):
        (directory / f"{number:020}-old.eml").touch()
    (directory / "kept.txt").touch()
    (directory / ".half.eml.draft").touch()
    port = int(mail.start(processes).rpartition(":")[2])
    send(port, "anna@example.org")
    left = [path.name for path in laid(processes)]
    assert len([name for name in left if name.endswith(".eml")]) == mail.KEPT
    assert left[0] == f"{6:020}-old.eml"
    assert "kept.txt" in left
    assert ".half.eml.draft" not in left


def test_a_mail_that_cant_be_laid_down_is_put_off(processes: Processes, sink: int) -> None:
    folder = mail.folder(processes.run_directory)
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(smtplib.SMTPDataError) as caught:
        send(sink, "anna@example.org")
    assert caught.value.smtp_code == 452
    folder.with_name("elsewhere").rename(folder)
    send(sink, "anna@example.org")
    assert len(laid(processes)) == 1


def test_a_mail_beyond_measure_is_refused(processes: Processes, sink: int) -> None:
    with smtplib.SMTP(LOOPBACK, sink, timeout=30) as server, pytest.raises(smtplib.SMTPResponseException) as caught:
        server.sendmail(FROM, ["anna@example.org"], b"Subject: x\r\n\r\n" + b"x" * 70 * 200_000)
    assert caught.value.smtp_code == 552
    assert laid(processes) == []


def test_a_client_that_goes_in_the_middle_leaves_nothing(processes: Processes, sink: int) -> None:
    server = smtplib.SMTP(LOOPBACK, sink, timeout=10)
    server.ehlo()
    server.mail(FROM)
    server.rcpt("anna@example.org")
    server.putcmd("data")
    server.getreply()
    server.send(b"Subject: half\r\n\r\nhal")
    server.close()
    send(sink, "anna@example.org", subject="whole")
    (path,) = laid(processes)
    assert b"whole" in path.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quietly(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    child = subprocess.Popen(
        [sys.executable, "-m", "localstack.servers.mail", str(port), str(tmp_path)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 30
        while not mail.greets(LOOPBACK, port):
            assert time.monotonic() < deadline
            assert child.poll() is None
        child.send_signal(number)
        _, said = child.communicate(timeout=30)
        assert (child.returncode, said) == (0, "")
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        child.wait()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    own = Terminal(tmp_path / "run")
    yield own
    own.call("stop")
    assert own.left() == []


def test_a_stack_says_where_mail_lies(terminal: Terminal) -> None:
    assert terminal.call("up").returncode == 0
    assert terminal.stack["mail_dir"] == str(terminal.directory / "mail")
    assert Path(terminal.stack["mail_dir"]).is_dir()
    os.kill(terminal.stack["pids"]["mail"], 0)


def test_given_a_mail_server_a_stack_starts_none(terminal: Terminal, sink: int) -> None:
    done = terminal.call("up", MAIL_URL=f"smtp://{LOOPBACK}:{sink}")
    assert done.returncode == 0, done.stderr
    assert f"mail goes to smtp://{LOOPBACK}:{sink}" in done.stdout
    assert (terminal.stack["mail_dir"], terminal.stack["pids"]["mail"]) == (None, None)


@pytest.mark.parametrize(
    "url",
    ["smtp://127.0.0.1:{port}", "smtp://127.0.0.1", "http://127.0.0.1:1025", "smtp://a:b@127.0.0.1:25", "smtp://["],
)
def test_a_given_mail_server_that_is_none_is_one_sentence(terminal: Terminal, url: str) -> None:
    told = one_sentence(terminal.call("up", MAIL_URL=url.format(port=free_port())))
    assert "MAIL_URL" in told
    assert terminal.left() == []
