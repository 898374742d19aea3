"""Codes of a second factor by themselves: RFC 6238's own vectors, how codes are typed, and how secrets are sealed."""

import base64
import secrets
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import pytest

import auth.seal
from auth import recovery_codes, totp
from auth.policy import second_factor_demanded
from auth.seal import opened, sealed
from eatit.errors import MisconfiguredError
from eatit.settings import settings

ANNA, BORIS = UUID(int=1), UUID(int=2)
# RFC 6238, appendix B, for SHA-1: its eight digits, of which six are the last.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}


@pytest.mark.parametrize(("at", "code"), VECTORS.items())
def test_the_standards_own_vectors(at: int, code: str) -> None:
    assert totp.step_of(SECRET, code[-6:], after=None, at=at) == at // 30
    wrong = f"{(int(code[-6:]) + 1) % 10**6:06d}"
    assert totp.step_of(SECRET, wrong, after=None, at=at) is None


@pytest.mark.parametrize("late", [-31, -30, -29, 0, 29, 30, 31, 59, 60, 61])
def test_one_step_to_either_side_is_borne(late: int) -> None:
    at = 1111111109 // 30 * 30  # where a step begins
    found = totp.step_of(SECRET, VECTORS[1111111109][-6:], after=None, at=at + late)
    assert (found is not None) == (-1 <= late // 30 <= 1)


def test_a_step_holds_only_after_the_last_one_taken() -> None:
    at, code = 1111111109, VECTORS[1111111109][-6:]
    assert totp.step_of(SECRET, code, after=at // 30 - 1, at=at) == at // 30
    assert totp.step_of(SECRET, code, after=at // 30, at=at) is None
    assert totp.step_of(SECRET, code, after=at // 30 + 5, at=at) is None


def test_at_the_beginning_of_time_there_is_no_step_before() -> None:
    assert totp.step_of(SECRET, "755224", after=None, at=0) == 0  # RFC 4226, appendix D


@pytest.mark.parametrize("code", ["", "94287082", "28708", "287082\0", "٢٨٧٠٨٢", "\ud800", "🔑🔑🔑🔑🔑🔑"])
def test_whatever_else_is_typed_is_just_wrong(code: str) -> None:
    assert totp.step_of(SECRET, code, after=None, at=59) is None


@pytest.mark.parametrize(
    "typed",
    [
        "287082",
        " 287 082 ",
        "287-082",
        "2 8 7 0 8 2",
        "287\u00a0082",
        "287–082",
        "287\u2011082",
        "２８７０８２",
        "287\u200b082\n",
    ],
)
def test_how_a_code_is_spaced_does_not_matter(typed: str) -> None:
    assert totp.plain(typed) == "287082"


def test_a_text_too_long_for_a_code_is_none() -> None:
    assert totp.plain("2" * 101) == ""
    assert totp.plain(" " * 94 + "287082") == "287082"


def test_a_new_secret_has_160_bits_and_is_told_as_authenticators_read_it() -> None:
    secret = totp.new_secret()
    assert len(base64.b32decode(secret)) == 20
    assert secret != totp.new_secret()
    parts = urlsplit(totp.uri_of(secret, "anna+shop@почта.рф"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/EatIt:anna+shop@почта.рф"
    assert "+" not in parts.path  # some authenticators take it for a space
    assert parse_qs(parts.query) == {"secret": [secret], "issuer": ["EatIt"]}


def test_recovery_codes_have_no_letter_that_looks_like_another() -> None:
    assert not set("01IOLU") & set(recovery_codes.LETTERS)
    assert len(set(recovery_codes.LETTERS)) ** recovery_codes.LENGTH >= 2**80
    assert totp.plain("7kq2m-xn4rt 9pwzb—ch3df") == "7kq2mxn4rt9pwzbch3df"
    assert recovery_codes._digest("7kq2mxn4rt9pwzbch3df") == recovery_codes._digest("7KQ2MXN4RT9PWZBCH3DF")


def test_which_roles_must_have_one_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    demanded = {}
    for least in ("off", "staff", "admin"):
        monkeypatch.setenv("SECOND_FACTOR", least)
        settings.cache_clear()
        demanded[least] = [role for role in ("customer", "staff", "admin") if second_factor_demanded(role)]
    assert demanded == {"off": [], "staff": ["staff", "admin"], "admin": ["admin"]}


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The secret auth/signing, which a test may change."""
    held: dict[str, Any] = {"seal": secrets.token_urlsafe(32)}
    monkeypatch.setattr(auth.seal, "secret", lambda name: {"auth/signing": held}[name])
    return held


def test_what_is_sealed_opens_for_its_user_alone(key: dict[str, Any]) -> None:
    value = sealed(b"plain text", ANNA)
    assert opened(value, ANNA) == b"plain text"
    assert b"plain" not in value
    assert value != sealed(b"plain text", ANNA), "the nonce was used before"
    with pytest.raises(MisconfiguredError):
        opened(value, BORIS)


def test_no_byte_of_it_can_be_changed(key: dict[str, Any]) -> None:
    value = sealed(b"plain", ANNA)
    for place in range(len(value)):
        changed = value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
        with pytest.raises(MisconfiguredError):
            opened(changed, ANNA)
    for short in (b"", value[:1], value[:13], value[:20], value[:-1]):
        with pytest.raises(MisconfiguredError):
            opened(short, ANNA)


def test_it_does_not_open_with_another_key(key: dict[str, Any]) -> None:
    value = sealed(b"plain", ANNA)
    key["seal"] = secrets.token_urlsafe(32)
    with pytest.raises(MisconfiguredError):
        opened(value, ANNA)


@pytest.mark.parametrize("bad", [None, "", "short", 7, "я" * 43, secrets.token_urlsafe(31), secrets.token_urlsafe(33)])
def test_without_a_key_of_32_bytes_nothing_is_sealed(key: dict[str, Any], bad: Any) -> None:
    key["seal"] = bad
    with pytest.raises(MisconfiguredError, match="seal"):
        sealed(b"plain", ANNA)
