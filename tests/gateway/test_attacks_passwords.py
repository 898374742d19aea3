"""Attacks by passwords: whatever their letters and length, they are kept whole or refused, and nothing breaks."""

import json
import unicodedata
from collections.abc import Callable
from typing import Any, Literal

import pytest

from tests.gateway.conftest import PASSWORD
from tests.gateway.odd import civil, send
from tests.gateway.shop import Api, faults, good, problem, unique

LONGEST = 1024
Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
ODD = {
    "emoji": "🧀🥖🍷👩‍🍳🇷🇺🥗🍇🫒",
    "combining characters": "e\u0301a\u0308o\u0302u\u0303 zal\u0335\u0321\u0349go",
    "right to left": "סיסמה ארוכה מאוד 42",
    "an override of direction": "abc\u202edrowssap\u202c 42",
    "other alphabets": "密码很长很安全的 ру",
    "control characters": "a\tb\nc\rd\x1b[31me\x7f",
    "leading and trailing spaces": "  spaces stay  ",
    "JSON, SQL and a format": "'; DROP--\"}{%s}$1${x}\\",
    "a hash": "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaA",
    "nothing but accents": "\u0308\u0301\u0303\u0302\u0304\u0306\u0305\u0307",
    "plus and percent": "100%25+more%20of+it",
    "unassigned code points": "\U000e0fff\ufdd0\U0010ffff abcdef",
}


def new_address() -> str:
    return f"{unique('pass')}@example.org"


def register(api: Api, password: Any, email: str = "") -> Any:
    return api.post("/auth/register", {"email": email or new_address(), "password": password})


def login(api: Api, email: str, password: Any) -> Any:
    return api.post("/auth/login", {"email": email, "password": password})


def by_form(api: Api, email: str, password: str) -> Any:
    return api.call("POST", "/auth/token", data={"grant_type": "password", "username": email, "password": password})


@pytest.mark.parametrize("kind", list(ODD))
def test_an_odd_password_is_kept_as_it_is(api: Api, kind: str) -> None:
    password, email = ODD[kind], new_address()
    good(register(api, password, email), 201)
    good(login(api, email, password))
    good(by_form(api, email, password))
    for near in (password[:-1], password[1:], password + " ", password.strip() + "x", password.swapcase() + "."):
        problem(login(api, email, near), 401, "invalid_credentials")
        if near == password[1:]:
            # Two wrong ones are free; a right one lets the account breathe again.
            good(login(api, email, password))


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_a_password_doesnt_depend_on_the_keyboards_forms(api: Api, form: Form) -> None:
    """Ё and й of two code points, a ligature, full width: what one keyboard types, another signs in with (RFC 8265)."""
    password, email = "Ёлка и чай ﬁne ｆｕｌｌ Ångström", new_address()
    good(register(api, password, email), 201)
    good(login(api, email, unicodedata.normalize(form, password)))
    good(by_form(api, email, unicodedata.normalize(form, password)))
    problem(login(api, email, password.lower()), 401, "invalid_credentials")


@pytest.mark.parametrize("white", [" " * 12, "\t" * 12, "\u00a0" * 12, "\u3000" * 9, " \t\n" * 4, "\u200b" * 10])
def test_white_space_alone_is_no_password_to_break_the_shop(api: Api, white: str) -> None:
    email = new_address()
    answer = register(api, white, email)
    assert answer.status_code in (201, 422), answer.text
    if answer.status_code == 201:
        good(login(api, email, white))
    problem(login(api, email, ""), 401, "invalid_credentials")


@pytest.mark.parametrize("letter", ["я", "x", "🧀"])
def test_the_shortest_and_the_longest_hold_whole(api: Api, letter: str) -> None:
    for length in (8, LONGEST):
        start = "Qx7!z "
        password = start + letter * (length - len(start) - 1) + "9"
        assert len(password) == length
        email = new_address()
        good(register(api, password, email), 201)
        good(login(api, email, password))
        problem(login(api, email, password[:-1]), 401, "invalid_credentials")
        problem(login(api, email, password[:-1] + "8"), 401, "invalid_credentials")
    shorter = register(api, "Qx7!z 9")
    assert faults(shorter, code="weak_password") == {("/password", "too_short")}
    longer = register(api, "Qx7!z " + letter * LONGEST)
    assert faults(longer, code="weak_password") == {("/password", "too_long")}


def test_no_longer_password_gets_in_by_its_beginning(api: Api) -> None:
    """bcrypt's mistake at 72 bytes, and anybody's who cuts."""
    email = new_address()
    password = ("correct horse battery 42 " * 50)[:LONGEST]
    good(register(api, password, email), 201)
    for place, more in enumerate(("x", "\0", " ", "x" * 8_000)):
        if "\0" in more:
            assert login(api, email, password + more).status_code == 422
        else:
            problem(login(api, email, password + more), 401, "invalid_credentials")
        if place == 2:
            good(login(api, email, password))
    good(login(api, email, password))


def test_a_password_that_only_grows_by_normalising_is_measured_after_it(api: Api) -> None:
    """U+FDFA is 18 letters in NFKC."""
    email = new_address()
    assert faults(register(api, "\ufdfa" * 57 + "ab"), code="weak_password") == {("/password", "too_long")}
    good(register(api, "\ufdfa" * 50 + "ab", email), 201)
    good(login(api, email, "\ufdfa" * 50 + "ab"))
    problem(login(api, email, "\ufdfa" * 550), 401, "invalid_credentials")


@pytest.mark.parametrize("path", ["register", "login", "token", "password", "reset"])
@pytest.mark.parametrize("size", [10_000, 10_001, 200_000, 1_000_000, 1_200_000])
def test_a_huge_password_is_refused_soon(api: Api, session: Any, path: str, size: int) -> None:
    huge = "Qx7!z " + "a" * (size - 6)
    email, token = session["user"]["email"], session["access_token"]
    ways: dict[str, Callable[[], Any]] = {
        "register": lambda: register(api, huge),
        "login": lambda: login(api, email, huge),
        "token": lambda: by_form(api, email, huge),
        "password": lambda: api.post(
            "/auth/password", {"current_password": PASSWORD, "new_password": huge}, token=token
        ),
        "reset": lambda: api.post("/auth/password/reset", {"token": "x" * 43, "new_password": huge}),
    }
    answer = ways[path]()
    assert answer.status_code in (400, 401, 413, 422), answer.text[:300]
    assert answer.elapsed.total_seconds() < 10
    assert "aaaaaaaa" not in answer.text
    good(login(api, email, PASSWORD))


@pytest.mark.parametrize("field", ["password", "email", "both"])
def test_nul_is_refused_whole_and_never_cuts(api: Api, session: Any, field: str) -> None:
    email = session["user"]["email"]
    body = {"email": email, "password": PASSWORD}
    for name in ("email", "password") if field == "both" else (field,):
        body[name] += "\0 and more"
    assert {pointer for pointer, _ in faults(api.post("/auth/login", body))} == {
        f"/{name}" for name in body if "\0" in body[name]
    }
    assert api.post("/auth/register", {**body, "email": "x" + body["email"]}).status_code == 422
    form = {"grant_type": "password", "username": body["email"], "password": body["password"]}
    assert api.call("POST", "/auth/token", data=form).status_code == 400
    # Nor where it is written otherwise.
    for text in ('"a\\u0000bcdefgh"', '"a\\ud800bcdefgh"', '"\\udc00\\ud800 abcdefgh"'):
        raw = f'{{"email": {json.dumps(email)}, "password": {text}}}'.encode()
        answer = send(api.url, "POST", b"/auth/login", [b"Content-Type: application/json"], raw)
        civil(answer)
        assert answer.status == 422


@pytest.mark.parametrize("value", [None, 12345678, 1.5, True, ["correct horse battery 42"], {"$ne": ""}, {}, []])
def test_what_is_no_text_is_no_password(api: Api, session: Any, value: Any) -> None:
    faulty = faults(login(api, session["user"]["email"], value))
    assert {pointer for pointer, _ in faulty} == {"/password"}
    assert {pointer for pointer, _ in faults(register(api, value))} == {"/password"}


@pytest.mark.parametrize(
    "raw", [b"\xff" * 12, b"p\xc3(ssword 42", b"\xed\xa0\x80 surrogate", "пароль 42".encode("cp1251")]
)
def test_bytes_that_are_no_utf_8_are_unreadable(api: Api, session: Any, raw: bytes) -> None:
    email = session["user"]["email"].encode()
    body = b'{"email": "' + email + b'", "password": "' + raw + b'"}'
    answer = send(api.url, "POST", b"/auth/login", [b"Content-Type: application/json"], body)
    civil(answer)
    assert answer.status == 400
    form = b"grant_type=password&username=" + email + b"&password=" + raw
    answer = send(api.url, "POST", b"/auth/token", [b"Content-Type: application/x-www-form-urlencoded"], form)
    assert answer.status in (400, 401)


def test_a_new_password_is_held_to_the_same(api: Api, session: Any) -> None:
    token, email = session["access_token"], session["user"]["email"]
    for bad in ("Qx7!z 9", "Qx7!z " + "a" * LONGEST, "a\0bcdefgh", "password123", ""):
        answer = api.post("/auth/password", {"current_password": PASSWORD, "new_password": bad}, token=token)
        assert answer.status_code == 422, answer.text
    odd = "  🧀 Ёлка  "
    good(api.post("/auth/password", {"current_password": PASSWORD, "new_password": odd}, token=token), 204)
    good(login(api, email, unicodedata.normalize("NFD", odd)))
    problem(login(api, email, odd.strip()), 401, "invalid_credentials")
