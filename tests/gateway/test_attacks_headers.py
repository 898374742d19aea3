"""Attacks by headers, and by what might become one: nothing a client says splits an answer, a log line or a mail."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.conftest import PASSWORD
from tests.gateway.mailbox import mails_to, said, token_in
from tests.gateway.odd import Answer, civil, send
from tests.gateway.shop import Api, eventually, good, unique

NAMES = (
    b"User-Agent",
    b"X-Request-Id",
    b"Accept-Language",
    b"Authorization",
    b"X-Forwarded-For",
    b"Host",
    b"Origin",
    b"If-None-Match",
)
ADDRESSES = (
    b"X-Forwarded-For",
    b"X-Real-IP",
    b"Forwarded",
    b"True-Client-IP",
    b"CF-Connecting-IP",
    b"X-Client-IP",
    b"Client-IP",
    b"X-Originating-IP",
    b"X-Forwarded",
    b"Via",
)
FORGED = b"198.51.100.66"


def odd_values(marker: bytes) -> dict[str, bytes]:
    return {
        "bare LF": marker + b"\nX-Injected: " + marker,
        "bare CR": marker + b"\rX-Injected: " + marker,
        "NUL": marker + b"\0" + marker,
        "percent-encoded": marker + b"%0d%0aX-Injected:%20" + marker,
        "unicode's own line ends": marker + "\u2028X-Injected: \u0085".encode() + marker,
        "tabs and escapes": marker + b"\t\x1b[31m\\r\\nX-Injected: \\u000a" + marker,
        "UTF-8": marker + "Аня \U0001f9c0".encode(),
        "broken UTF-8": marker + b"\xff\xfe\xc3(",
        "10 kB": marker + b"x" * 10_000,
        "JSON": b'{"level":"ERROR","message":"' + marker + b'"}',
        "quotes": b'","status":200,"x":"' + marker,
        "empty": b"",
    }


def harmless(answer: Answer, marker: bytes) -> None:
    """It is civil, and nothing of what was said is in the answer's headers."""
    civil(answer)
    assert "x-injected" not in answer.headers
    told = {name: value for name, value in answer.headers.items() if marker.decode() in value}
    assert set(told) <= {"x-request-id"}, told
    assert len(answer.headers["x-request-id"]) <= 128


def login(api: Api, session: Any, *headers: bytes) -> Answer:
    body = json.dumps({"email": session["user"]["email"], "password": PASSWORD}).encode()
    return send(api.url, "POST", b"/auth/login", [b"Content-Type: application/json", *headers], body)


@pytest.mark.parametrize("kind", list(odd_values(b"")))
def test_odd_headers_split_neither_answers_nor_logs(api: Api, session: Any, stack: dict[str, Any], kind: str) -> None:
    marker = unique("marker").replace("-", "").encode()
    value = odd_values(marker)[kind]
    bearer = b"Authorization: Bearer " + session["access_token"].encode()
    for name in NAMES:
        prefix = b"Bearer " if name == b"Authorization" else b""
        header = name + b": " + prefix + value
        harmless(login(api, session, header), marker)
        others = [header] if name == b"Authorization" else [header, bearer]
        harmless(send(api.url, "GET", b"/auth/me", others), marker)
    _logs_keep_their_lines(Path(stack["mail_dir"]).parent / "logs", marker.decode())


def _logs_keep_their_lines(logs: Path, marker: str) -> None:
    """Where a log tells of it at all, that is within one line of JSON, or of a server's own that doesn't begin with
    it."""

    def look() -> None:
        for log in (logs / "edge.log", logs / "functions.log"):
            if not log.exists():
                continue  # under SAM
            for line in log.read_text(errors="replace").split("\n"):
                if marker in line:
                    assert line.startswith("{"), log.name
                    assert line.endswith("}"), log.name
                    json.loads(line)
                else:
                    assert not line.startswith("X-Injected"), log.name

    eventually(look, seconds=5)  # a line may be half written


def test_headers_given_twice_are_civil(api: Api, session: Any) -> None:
    bearer = b"Authorization: Bearer " + session["access_token"].encode()
    for twice in ([bearer, bearer], [bearer, b"Authorization: Bearer x"], [b"Authorization: Basic eA==", bearer]):
        answer = send(api.url, "GET", b"/auth/me", twice)
        civil(answer)
        assert answer.status in (200, 400, 401)
    for name in (b"User-Agent", b"X-Request-Id", b"Accept-Language", b"X-Forwarded-For", b"Content-Type"):
        civil(login(api, session, name + b": a", name + b": b"))


def test_the_device_is_kept_short_and_whole(api: Api, session: Any) -> None:
    for agent in (b"x" * 10_000, "Аня \U0001f9c0".encode() * 100, b"\xff\xfe"):
        civil(login(api, session, b"User-Agent: " + agent))
    devices = [item["device"] for item in good(api.get("/auth/sessions", token=session["access_token"]))["items"]]
    assert all(device is None or len(device) <= 300 for device in devices)
    assert "x" * 300 in devices


def test_no_header_changes_the_address_that_is_noted(api: Api, session: Any, admin: str, sql: Any) -> None:
    for name in ADDRESSES:
        for value in (FORGED, FORGED + b", 10.0.0.1", b"for=" + FORGED, b"127.0.0.1, " + FORGED):
            assert login(api, session, name + b": " + value).status == 200
    user = session["user"]["id"]
    sessions = sql.execute("SELECT DISTINCT address FROM auth.sessions WHERE user_id = %s", [user]).fetchall()
    entries = good(api.get("/auth/audit", params={"user": user, "limit": "100"}, token=admin))["items"]
    assert len(sessions) == 1
    assert {entry["address"] for entry in entries} == {sessions[0][0]}
    assert FORGED.decode() not in sessions[0][0]


def test_no_forwarded_header_is_a_new_try(api: Api, session: Any) -> None:
    """Else whoever changes it with each request would guess for ever."""
    email = session["user"]["email"]
    statuses = []
    for place in range(60):
        headers = {name.decode(): f"198.51.100.{place}" for name in ADDRESSES if name not in (b"Via", b"Forwarded")}
        headers["User-Agent"] = f"browser {place}"
        wrong = api.post("/auth/login", {"email": email, "password": f"not it, surely {place}"}, headers=headers)
        statuses.append(wrong.status_code)
        if statuses[-1] == 429:
            break
    assert statuses[-1] == 429, statuses


@pytest.mark.parametrize(
    "address",
    [
        "anna@example.org\r\nBcc: thief@example.net",
        "anna@example.org\nBcc: thief@example.net",
        "anna@example.org\0@example.net",
        "anna\r\n@example.org",
        "anna@example.org, thief@example.net",
        "anna@example.org; thief@example.net",
        "<anna@example.org> thief@example.net",
        "Anna <anna@example.org>",
        '"anna@example.org, thief"@example.net',
        "anna@example.org%0aBcc:thief@example.net",
        "anna@[127.0.0.1]",
        "anna@example.org@example.net",
        "(thief@example.net)anna@example.org",
        "anna\u202e@example.org",
        "anna@example.org\u2028Bcc: thief@example.net",
        "=?utf-8?q?anna=0aBcc:_thief=40example.net?=@example.org ",
    ],
)
def test_no_address_smuggles_another_recipient(api: Api, stack: dict[str, Any], address: str) -> None:
    word = unique().replace("-", "")
    wanted = address.replace("anna", f"anna{word}")
    answer = api.post("/auth/register", {"email": wanted, "password": PASSWORD})
    assert answer.status_code in (201, 422), answer.text
    for path in ("/auth/login", "/auth/password/forgot"):
        body = {"email": wanted, "password": PASSWORD} if path.endswith("login") else {"email": wanted}
        assert api.post(path, body).status_code in (200, 202, 401, 422)
    if answer.status_code == 201:
        (mail, *_) = mails_to(stack, answer.json()["user"]["email"])
        assert mail["Bcc"] is None
        assert mail["Cc"] is None
        assert len(mail["To"].addresses) == 1


def test_no_name_becomes_a_header_of_a_mail(api: Api, stack: dict[str, Any], session: Any) -> None:
    email, token = session["user"]["email"], session["access_token"]
    (mail, *_) = mails_to(stack, email)
    good(api.post("/auth/email/verify", {"token": token_in(mail)}), 204)
    names = (
        "Anna\r\nBcc: thief@example.net",
        "Anna\nSubject: You have won\n\n<html>",
        "<img src=x onerror=alert(1)><a href='https://thief.example'>here</a>",
        "=?utf-8?q?Anna=0d=0aBcc:_thief=40example.net?=",
        "Anna\u2028Bcc: thief@example.net\x0b\x0c\x85",
    )
    for sent, name in enumerate(names[:4], 1):  # five an hour of one kind
        changed = api.patch("/auth/me", {"display_name": name}, token=token)
        assert changed.status_code in (200, 422), changed.text
        good(api.post("/auth/password/forgot", {"email": email}), 202)
        mail = mails_to(stack, email, at_least=1 + sent)[-1]
        assert set(mail.keys()) <= {
            "Return-Path", "Delivered-To", "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted",
            "MIME-Version", "Content-Type", "Content-Language", "Received", "X-Peer", "X-MailFrom", "X-RcptTo",
        }, mail.keys()  # fmt: skip
        assert [address.addr_spec for address in mail["To"].addresses] == [email]
        assert "thief" not in str(mail["Subject"]) + str(mail["To"]) + str(mail["From"])
        assert "won" not in str(mail["Subject"])
        assert "<img" not in said(mail, "html")
        assert "<a href='https://thief" not in said(mail, "html")
        assert not [line for line in said(mail).split("\n") if line.startswith(("Bcc", "Subject"))]
