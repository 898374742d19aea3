"""Signing in with a second factor: what is asked for, what passes once, and that a wrong password is told as ever."""

from typing import Any

import pytest

from tests.functions.calls import call, good, unique
from tests.functions.owners import PASSWORD, CodeClock, Owner, refused


@pytest.fixture
def owner(code_clock: CodeClock, sql: Any) -> Owner:
    return Owner(code_clock, sql)


@pytest.fixture
def enrolled(owner: Owner) -> Owner:
    return owner.enrol()


def test_the_code_that_enabled_it_does_not_sign_in(owner: Owner) -> None:
    authenticator = owner.begin()
    good(owner.confirm(authenticator.code()))
    refused(owner.login(authenticator.spent()), 401, "invalid_totp_code")
    good(owner.login(authenticator.code()))


def test_signing_in_takes_a_code_once(enrolled: Owner) -> None:
    refused(enrolled.login(), 401, "totp_required")
    refused(enrolled.login(enrolled.wrong()), 401, "invalid_totp_code")
    code = enrolled.code()
    good(enrolled.login(f" {code[:3]} {code[3:]}"))
    refused(enrolled.login(code), 401, "invalid_totp_code")
    assert enrolled.audited()[-3:] == ["second_factor_failed", "signed_in", "second_factor_failed"]


def test_an_earlier_code_no_longer_holds_after_a_later_one(enrolled: Owner) -> None:
    earlier, later = enrolled.code(), enrolled.code()
    good(enrolled.login(later))
    refused(enrolled.login(earlier), 401, "invalid_totp_code")


def test_a_wrong_password_is_told_as_ever_and_uses_no_code_up(enrolled: Owner) -> None:
    code, recovery = enrolled.code(), enrolled.recovery_codes[0]
    for given in (None, code, recovery):
        known, unknown = enrolled.login(given, "not it, surely"), unknown_address(given)
        assert (
            (known.status, known.body["code"]) == (unknown.status, unknown.body["code"]) == (401, "invalid_credentials")
        )
    good(enrolled.login(code))
    good(enrolled.login(recovery))


def unknown_address(code: str | None) -> Any:
    body = {"email": f"{unique()}@nowhere.example", "password": PASSWORD}
    return call("POST", "/auth/login", body if code is None else {**body, "totp_code": code})


def test_the_oauth_form_asks_for_it_too(enrolled: Owner) -> None:
    form = f"grant_type=password&username={enrolled.email}&password={PASSWORD.replace(' ', '+')}"

    def sent(more: str = "") -> Any:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return call("POST", "/auth/token", (form + more).encode(), headers=headers)

    assert (sent().status, sent().body["code"]) == (400, "totp_required")
    assert (sent("&totp_code=x").status, sent("&totp_code=x").body["code"]) == (400, "invalid_totp_code")
    good(sent(f"&totp_code={enrolled.code()}"))


def test_a_recovery_code_signs_in_once(enrolled: Owner) -> None:
    first, second, *_ = enrolled.recovery_codes
    good(enrolled.login(first))
    refused(enrolled.login(first), 401, "invalid_totp_code")
    good(enrolled.login(f" {second.lower().replace('-', ' ')} "))
    refused(enrolled.login(second), 401, "invalid_totp_code")
    assert enrolled.audited().count("recovery_code_used") == 2


def test_anothers_codes_are_wrong(enrolled: Owner, code_clock: CodeClock, sql: Any) -> None:
    other = Owner(code_clock, sql).enrol()
    refused(enrolled.login(other.code()), 401, "invalid_totp_code")
    refused(enrolled.login(other.recovery_codes[0]), 401, "invalid_totp_code")
    good(other.login(other.recovery_codes[0]))
