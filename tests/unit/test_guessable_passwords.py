"""Passwords that a guesser tries early are refused, however they are dressed up; others aren't."""

import secrets
import string
import time
from contextlib import suppress

import pytest

from auth.passwords import check_strength
from eatit.errors import Invalid

EMAIL = "anna.petrova@example.org"


def refused(password: str, email: str = EMAIL) -> str:
    """The fault's code."""
    with pytest.raises(Invalid) as caught:
        check_strength(password, email)
    assert caught.value.code == "weak_password"
    (fault,) = caught.value.faults
    assert fault.pointer == "/password"
    return fault.code


@pytest.mark.parametrize(
    "password",
    [
        "Password1!",
        "P@ssw0rd1",
        "$umm3r2024",
        "Qwerty123!",
        "Admin@123",
        "Summer2024!",
        "2024Summer",
        "Password2024",
        "password ",
        "p.a.s.s.w.o.r.d",
        "Drowssap1",
        "Anna12345",
        "Пароль1234",
        "парольпароль",
        "привет12",
        "Наташа2010",
        "12341234",
        "1234-1234-1234",
        "abcabcabc",
        "qazwsxqazwsx1!",
        "passwordpassword",
        "dragon123456789",
    ],
)
def test_decoration_makes_a_common_password_no_better(password: str) -> None:
    assert refused(password) == "too_common"


@pytest.mark.parametrize("password", ["eatiteatit", "EatIt2024!", "eat-it-shop", "MyEatIt123", "3@tit!!!"])
def test_the_shops_own_name_is_no_password(password: str) -> None:
    assert refused(password) == "too_common"


@pytest.mark.parametrize(
    ("password", "email"),
    [
        ("annapetrova", EMAIL),
        ("AnnaPetrova!", EMAIL),
        ("petrova_anna", EMAIL),
        ("avortepanna", EMAIL),
        ("anna.petrova@mail", EMAIL),
        ("anna petrova 85", EMAIL),
        ("4nn4p3tr0v4", EMAIL),
        ("example.org", EMAIL),
        ("Zvyagintseva7", "o.zvyagintseva@example.org"),
        ("zvyagintseva2024!", "o.zvyagintseva@example.org"),
        ("zvyagintseva12345678", "o.zvyagintseva@example.org"),
        ("авецнигявз", "звягинцева@пример.рф"),
        ("79161234567", "+79161234567@example.org"),
    ],
)
def test_what_is_made_of_the_address_is_refused(password: str, email: str) -> None:
    assert refused(password, email) == "made_of_email"


@pytest.mark.parametrize("password", ["Petrova123", "petrova2024!"])
def test_a_common_surname_is_refused_for_whichever_reason(password: str) -> None:
    assert refused(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery 42",
        "correct horse",
        "gooseberry jam",
        "gooseberry jam and toast 7",
        "another fine password 43",
        "a third password 44",
        "12345679 kefir",
        "пароль из слов",
        "пароль длинный 42",
        "we never eat it cold",
        "anna likes her kefir warm",
        "petrova 7Kx2Qz9 wm",
        "summer in a small boat",
        "dog 8471 20956",
        "  🧀 Ёлка  ",
        "🧀🥖🍷👩‍🍳🇷🇺🥗🍇🫒",
        "\u0308\u0301\u0303\u0302\u0304\u0306\u0305\u0307",
        "Qx7!z яя9",
        "'; DROP--\"}{%s}$1${x}\\",
        "a\tb\nc\rd\x1b[31me\x7f",
        "!@#$%^&*()_+",
        "kr7vtq2m",
        "x" * 500 + "y" + "z" * 500,
    ],
)
def test_what_is_hard_to_guess_is_taken(password: str) -> None:
    check_strength(password, EMAIL)


def test_random_ones_are_taken() -> None:
    for _ in range(300):
        check_strength(secrets.token_urlsafe(18), EMAIL)
        check_strength("".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(12)), EMAIL)


def test_the_longest_is_looked_at_in_no_time() -> None:
    began = time.perf_counter()
    for password in ("ab" * 511 + "c", "1" * 1023 + "a", "anna" * 255 + "kefir warm", ("a" * 511 + "b") * 2):
        with suppress(Invalid):
            check_strength(password, EMAIL)
    assert time.perf_counter() - began < 0.5
