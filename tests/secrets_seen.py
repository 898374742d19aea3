"""What no log may tell: the tests' clients note each secret they send or get, and at the run's end logs are searched.

A pytest plugin as well. Searched are the logs of every stack that was watched (functions, edge, nginx, Postgres,
RabbitMQ, Redis, triggers, mail) and what handlers called in this process said. A find fails the run; it is told by
file, line and kind, never by itself.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qsl, quote, quote_plus

import pytest
import requests

# Fields of bodies and answers whose text is secret, and what it is called.
FIELDS = {
    "password": "a password",
    "current_password": "a password",
    "new_password": "a password",
    "access_token": "an access token",
    "refresh_token": "a refresh token",
    "device_token": "a device token",
    "token": "a mail's token",
    "secret": "an authenticator's secret",
    "uri": "an authenticator's secret",
    "recovery_codes": "a recovery code",
    "totp_code": "a recovery code",
    "email": "an e-mail address",
    "username": "an e-mail address",
    "basket_token": "a basket token",
}
# What of a deployment's own secrets is public: a key's name, and its public half (RFC 7517).
PUBLIC = ("kid", "kty", "crv", "alg", "use", "x", "y")
# `[^\W_]`: a word without the signs that glue tokens to their neighbours. An escape's letter isn't part of it.
_WORD = re.compile(r"(?:\\[abfnrtv])?([^\W_]{6,})")
_SHAPES = {
    "a JWT": re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}"),
    "a password's hash": re.compile(r"\$argon2"),
    "a private key": re.compile(r"PRIVATE KEY|\"d\\?\": ?\\?\"[\w-]{43}"),
    "an e-mail address": re.compile(
        r"[\w.+-]+(?:@|%40)(?:[\w-]+\.)*(?:example\b|example\.(?:org|com|net)|пример\.рф|xn--e1afmkfd)", re.IGNORECASE
    ),
}
# Said by servers of themselves; no user's.
_NOBODYS = re.compile(r"no-?reply@", re.IGNORECASE)
LONG_WORD = 16

_seen: dict[str, str] = {}
_watched: set[Path] = set()
_spool: IO[str] | None = None
_found: list[str] = []


def note(kind: str, text: Any) -> None:
    """Nothing may log this text from now on, nor may it have been logged before. What could stand anywhere (a word, a
    number of few digits) is passed over."""
    if isinstance(text, str) and 8 <= len(text) <= 20_000 and len(set(text)) >= 6 and not _common(text):
        _seen[text] = kind


def note_body(body: Any) -> None:
    """Note the secrets in a JSON value's fields, however deep."""
    if isinstance(body, dict):
        for name, value in body.items():
            kind = FIELDS.get(name) if isinstance(name, str) else None
            for each in value if isinstance(value, list) and kind else [value]:
                if kind is None or not isinstance(each, str):
                    note_body(each)
                elif kind != "an e-mail address" or "@" in each:
                    note(kind, each.strip())
    elif isinstance(body, list):
        for each in body:
            note_body(each)


def note_headers(headers: Iterable[tuple[str, str]]) -> None:
    """Note the secrets in a request's or an answer's headers."""
    for name, value in headers:
        if name.lower() == "authorization":
            note("an access token", value.partition(" ")[2].strip())
        elif name.lower() == "x-basket-token":
            note("a basket token", value)


def note_text(content: bytes | str | None, *, form: bool = False) -> None:
    """Note the secrets in a body as it was sent or answered: JSON, or a form."""
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    if not text or len(text) > 100_000:
        return
    if form:
        for name, value in parse_qsl(text):
            note_body({name: value})
    else:
        with suppress(ValueError, RecursionError):
            note_body(json.loads(text))


def note_exchange(response: requests.Response, *_: Any, **__: Any) -> None:
    """A hook of `requests`: note what was sent and what was answered."""
    sent = response.request
    note_headers(_texts(sent.headers.items()))
    note_headers(_texts(response.headers.items()))
    form = "form" in str(sent.headers.get("Content-Type", ""))
    if isinstance(sent.body, (bytes, str)):
        note_text(sent.body, form=form)
    if "json" in response.headers.get("Content-Type", ""):
        note_text(response.content)


def watching(session: requests.Session) -> requests.Session:
    """The session, whose exchanges are noted."""
    session.hooks["response"].append(note_exchange)
    return session


def watch(directory: Path) -> None:
    """Search the logs of the stack in this directory when the run ends. It has to be stopped by then, or to be one
    that outlives the run."""
    _watched.add(directory.resolve())


def note_own(value: Any) -> None:
    """Note a deployment's own secrets: its servers' passwords, its signing keys."""
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        note("a secret of the deployment", each)
        if isinstance(each, dict):
            each = {name: part for name, part in each.items() if name not in PUBLIC}
        note_own(each)


def search(name: str, lines: Iterable[str], seen: dict[str, str]) -> Iterator[str]:
    """Where these lines tell a secret: `functions.log:12: a refresh token`, each kind once."""
    words, rare = _by_word(seen)
    told: set[str] = set()
    for number, line in enumerate(lines, 1):
        kinds = {kind for kind, shape in _SHAPES.items() if any(not _NOBODYS.match(m[0]) for m in shape.finditer(line))}
        for word in _WORD.findall(line):
            for secret in words.get(word, ()):
                if len(word) >= LONG_WORD or any(form in line for form in _forms(secret)):
                    kinds.add(seen[secret])
        kinds |= {kind for form, kind in rare.items() if form in line}
        for kind in sorted(kinds - told):
            yield f"{name}:{number}: {kind}"
        told |= kinds


def _common(text: str) -> bool:
    """Whether the text is no secret of anybody's: one plain word, or digits and signs that stand in any log."""
    return (text.isalpha() and text.isascii() and len(text) < 20) or re.fullmatch(r"[\d\s.:+-]+", text) is not None


def _forms(secret: str) -> set[str]:
    """How a log may spell it: as it is, in JSON, in an address, as Python's repr."""
    return {
        secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret),
        quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1],
    }  # fmt: skip


def _by_word(seen: dict[str, str]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The secrets by their longest word, and the spellings of those without one that is the same in every spelling."""
    words: dict[str, list[str]] = {}
    rare: dict[str, str] = {}
    for secret, kind in seen.items():
        found = [word for word in _WORD.findall(secret) if word.isascii()]
        if found:
            words.setdefault(max(found, key=len), []).append(secret)
        else:
            rare.update(dict.fromkeys(_forms(secret), kind))
    return words, rare


def _texts(headers: Iterable[tuple[Any, Any]]) -> Iterator[tuple[str, str]]:
    for name, value in headers:
        yield tuple(part.decode("latin-1") if isinstance(part, bytes) else str(part) for part in (name, value))  # type: ignore[misc]


def _lines_of(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as log:
        yield from log


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what handlers in this process said: their log lines and access logs are captured with the test."""
    global _spool
    said = [text for title, text in report.sections if title.startswith("Captured")]
    if said:
        _spool = _spool or tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        _spool.writelines(f"{text}\n" for text in said)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search everything; the stacks have been stopped with the last test's fixtures."""
    global _spool
    for directory in sorted(_watched):
        with suppress(OSError, ValueError):
            note_own(json.loads((directory / "secrets.json").read_text()))
        for log in sorted(directory.glob("logs/**/*")):
            if log.is_file():
                _found.extend(search(str(log), _lines_of(log), _seen))
    if _spool is not None:
        _spool.seek(0)
        _found.extend(search("what handlers said in this process", _spool, _seen))
        _spool.close()
        _spool = None
    if _found and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was found, and never the secret; or how much was looked for."""
    if _found:
        terminalreporter.section("SECRETS IN LOGS", red=True, bold=True)
        for place in _found:
            terminalreporter.write_line(place)
    elif _seen and _watched:
        counts = Counter(_seen.values())
        told = ", ".join(f"{count} × {kind}" for kind, count in sorted(counts.items()))
        terminalreporter.write_line(f"no secret in any log (looked for {told})")
