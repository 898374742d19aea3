"""Passwords: argon2id, weak ones refused, and the same password on any keyboard."""

import pytest

from auth.accounts import normalised_email
from auth.passwords import check_strength, hash_password, holds, needs_rehash
from eatit.errors import Invalid

EMAIL = "anna.petrova@example.org"


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "too_short"),
        ("1234567", "too_short"),
        ("x" * 1025, "too_long"),
        ("password", "too_common"),
        ("QWERTY123", "too_common"),
        ("йцукенгш", "too_common"),
        ("abababab", "too_common"),
        ("anna.petrova", "made_of_email"),
        ("ANNA.PETROVA", "made_of_email"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_strength(password, EMAIL)
    assert caught.value.code == "weak_password"
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [("/password", code)]


@pytest.mark.parametrize("password", ["correct horse", "12345679 kefir", "пароль из слов", "x" * 1023 + "yz"[0]])
def test_a_password_that_is_hard_to_guess_is_taken(password: str) -> None:
    if len(set(password)) > 2:
        check_strength(password, EMAIL)


def test_a_hash_is_argon2id_with_owasps_parameters() -> None:
    made = hash_password("correct horse")
    assert made.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert made != hash_password("correct horse")
    assert not needs_rehash(made)
    assert needs_rehash("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$" + "A" * 43)


def test_a_hash_holds_for_its_password_alone() -> None:
    made = hash_password("correct horse")
    assert holds(made, "correct horse")
    for wrong in ("", "correct horsE", "correct horse ", "x" * 10_000):
        assert not holds(made, wrong)
    assert not holds(None, "nobody's")
    assert not holds("not a hash", "correct horse")


def test_the_same_letters_from_another_keyboard_are_the_same_password() -> None:
    made = hash_password("café ключ")
    assert holds(made, "cafe\u0301 ключ")
    assert holds(made, "ｃafé ключ")


def test_a_password_longer_than_any_stored_one_never_holds() -> None:
    longest = "xy" * 512
    assert holds(hash_password(longest), longest)
    assert not holds(hash_password(longest), longest + "z")


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("Anna@Example.ORG", "anna@example.org"),
        ("anna@xn--e1afmkfd.xn--p1ai", "anna@пример.рф"),
        ("АННА@пример.рф", "анна@пример.рф"),
        ("cafe\u0301@example.org", "caf\u00e9@example.org"),
        ("anna+shop@example.org", "anna+shop@example.org"),
        ("x" * 64 + "@example.org", "x" * 64 + "@example.org"),
    ],
)
def test_an_address_has_one_form(given: str, stored: str) -> None:
    assert normalised_email(given) == stored
    assert normalised_email(stored) == stored


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x",
        "@x.org",
        "x@",
        "a b@x.org",
        "x@x..org",
        "x@-.org",
        "\0@x.org",
        "x@x.org\n",
        "x" * 65 + "@x.org",
        "ё" * 33 + "@x.org",
    ],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(Invalid) as caught:
        normalised_email(given)
    assert [fault.pointer for fault in caught.value.faults] == ["/email"]
