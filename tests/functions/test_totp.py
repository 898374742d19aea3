"""A second factor from its first code to its last: enrolled, asked for, given again, replaced, taken away."""

import base64
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from tests.authenticators import Authenticator
from tests.functions.calls import call, good
from tests.functions.owners import CodeClock, Owner, refused

ODD = [
    "",
    " ",
    "0",
    "12345",
    "1234567",
    "abcdef",
    "-" * 100,
    "١٢٣٤٥٦",
    "🔑" * 20,
    "'; DROP TABLE auth.users; --",
    "A" * 20,
]


@pytest.fixture
def owner(code_clock: CodeClock, sql: Any) -> Owner:
    return Owner(code_clock, sql)


@pytest.fixture
def enrolled(owner: Owner) -> Owner:
    return owner.enrol()


def test_what_is_begun_counts_for_nothing_yet(owner: Owner) -> None:
    answer = call("POST", "/auth/totp", token=owner.token)
    begun = good(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert (begun["digits"], begun["period"], len(begun["secret"])) == (6, 30, 32)
    assert begun["uri"].startswith("otpauth://totp/EatIt:")
    assert f"secret={begun['secret']}" in begun["uri"]
    assert owner.row()[0] is None
    good(owner.login())
    assert good(call("GET", "/auth/me", token=owner.token))["totp_enabled"] is False


def test_beginning_again_drops_what_was_begun(owner: Owner) -> None:
    first, second = owner.begin(), owner.begin()
    refused(owner.confirm(first.code()), 401, "invalid_totp_code")
    good(owner.confirm(second.code()))


def test_nothing_begun_is_nothing_to_confirm(owner: Owner) -> None:
    refused(owner.confirm("123456"), 409, "totp_not_started")
    authenticator = owner.begin()
    good(owner.confirm(authenticator.code()))
    refused(owner.confirm(authenticator.code()), 409, "totp_not_started")


def test_a_wrong_first_code_enables_nothing(owner: Owner) -> None:
    authenticator = owner.begin()
    refused(owner.confirm(authenticator.wrong()), 401, "invalid_totp_code")
    refused(owner.confirm("ABCDE-FGHJK-MNPQR-STVWX"), 401, "invalid_totp_code")
    assert owner.row()[2] is None
    assert owner.audited()[-2:] == ["second_factor_failed"] * 2
    good(owner.confirm(authenticator.code()))


def test_the_first_code_enables_it(owner: Owner) -> None:
    before = good(call("GET", "/auth/me", token=owner.token))
    answer = owner.confirm(owner.begin().code())
    confirmed = good(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert len(set(confirmed["recovery_codes"])) == 10
    assert (confirmed["token_type"], confirmed["expires_in"]) == ("Bearer", 900)
    claims = [
        jwt.decode(token, options={"verify_signature": False}) for token in (owner.token, confirmed["access_token"])
    ]
    assert claims[0]["sid"] == claims[1]["sid"]
    after = good(call("GET", "/auth/me", token=confirmed["access_token"]))
    assert (before["totp_enabled"], after["totp_enabled"]) == (False, True)
    assert after["version"] == before["version"] + 1
    assert good(call("GET", "/auth/sessions", token=owner.token))["items"][0]["second_factor"] is True
    assert owner.audited()[-1] == "totp_enabled"
    assert owner.mails()[-1] == "second_factor_changed"


def test_enabling_ends_the_other_sessions(owner: Owner) -> None:
    other = good(owner.login())
    good(call("GET", "/auth/me", token=other["access_token"]))
    owner.enrol()
    refused(owner.refresh(other), 401, "invalid_refresh_token")
    refused(call("GET", "/auth/me", token=other["access_token"]), 401, "invalid_token")
    good(owner.refresh())


@pytest.mark.parametrize("typed", ODD)
def test_whatever_is_typed_for_a_code_is_just_wrong(enrolled: Owner, typed: str) -> None:
    expected = "totp_required" if not typed else "invalid_totp_code"
    refused(enrolled.login(typed), 401, expected)
    refused(enrolled.verify(typed), 401, "invalid_totp_code")
    enrolled.begin()
    refused(enrolled.confirm(typed), 401, "invalid_totp_code")


@pytest.mark.parametrize("value", [123456, None, ["123456"], "1" * 101, "12\x003456", True])
def test_what_is_no_code_at_all_is_422(enrolled: Owner, value: Any) -> None:
    for path, name in (("verify", "totp_code"), ("confirm", "code")):
        answer = call("POST", f"/auth/totp/{path}", {name: value}, token=enrolled.token)
        refused(answer, 422, "invalid_body")


def test_a_code_given_again_makes_the_session_fresh(enrolled: Owner) -> None:
    enrolled.age("second_factor_at", 11)
    refused(call("POST", "/auth/totp/recovery-codes", token=enrolled.token), 403, "second_factor_required")
    refused(enrolled.verify(enrolled.wrong()), 401, "invalid_totp_code")
    refused(call("POST", "/auth/totp/recovery-codes", token=enrolled.token), 403, "second_factor_required")
    code = enrolled.code()
    assert enrolled.verify(code).status == 204
    refused(enrolled.verify(code), 401, "invalid_totp_code")
    good(call("POST", "/auth/totp/recovery-codes", token=enrolled.token))
    assert "totp_verified" in enrolled.audited()
    enrolled.age("second_factor_at", 11)
    fresh = good(enrolled.login(enrolled.code()))
    enrolled.token = fresh["access_token"]
    enrolled.age("second_factor_at", 11)
    assert enrolled.verify(enrolled.recovery_codes[0]).status == 401, "void since the new ones"


def test_without_a_factor_there_is_nothing_to_verify(owner: Owner) -> None:
    refused(owner.verify("123456"), 409, "totp_not_enabled")
    refused(call("POST", "/auth/totp/recovery-codes", token=owner.token), 409, "totp_not_enabled")
    owner.begin()
    refused(owner.verify("123456"), 409, "totp_not_enabled")


def test_new_recovery_codes_void_the_old_ones(enrolled: Owner) -> None:
    answer = call("POST", "/auth/totp/recovery-codes", token=enrolled.token)
    new = good(answer)["recovery_codes"]
    assert answer.headers["cache-control"] == "no-store"
    assert len(new) == 10
    assert not set(new) & set(enrolled.recovery_codes)
    refused(enrolled.login(enrolled.recovery_codes[0]), 401, "invalid_totp_code")
    good(enrolled.login(new[9]))
    assert "recovery_codes_renewed" in enrolled.audited()
    assert enrolled.mails()[-1] == "second_factor_changed"


def test_enrolling_needs_a_recent_sign_in(owner: Owner) -> None:
    owner.age("authenticated_at", 11)
    refused(call("POST", "/auth/totp", token=owner.token), 403, "recent_sign_in_required")
    assert owner.row()[1] is None
    owner.age("authenticated_at", 9)
    authenticator = owner.begin()
    owner.age("authenticated_at", 21)  # there was time enough to scan it
    refused(owner.confirm(authenticator.code()), 403, "recent_sign_in_required")
    owner.age("authenticated_at", 19)
    good(owner.confirm(authenticator.code()))


def test_replacing_it_needs_the_old_one(enrolled: Owner) -> None:
    enrolled.age("second_factor_at", 11)
    refused(call("POST", "/auth/totp", token=enrolled.token), 403, "second_factor_required")
    assert enrolled.verify(enrolled.code()).status == 204
    replacement = enrolled.begin()
    good(enrolled.login(enrolled.code()))  # the old one serves until then
    good(enrolled.confirm(replacement.code()))
    enrolled.clock.forward()
    refused(enrolled.login(enrolled.code()), 401, "invalid_totp_code")
    refused(enrolled.login(enrolled.recovery_codes[0]), 401, "invalid_totp_code")
    good(enrolled.login(replacement.code()))


def test_a_replacement_is_not_confirmed_long_after(enrolled: Owner) -> None:
    replacement = enrolled.begin()
    enrolled.age("second_factor_at", 21)
    refused(enrolled.confirm(replacement.code()), 403, "second_factor_required")


def remove(owner: Owner) -> Any:
    return call("DELETE", "/auth/totp", token=owner.token)


def test_taking_it_away(enrolled: Owner) -> None:
    other = good(enrolled.login(enrolled.code()))
    enrolled.begin()
    enrolled.age("second_factor_at", 11)
    refused(remove(enrolled), 403, "second_factor_required")
    enrolled.clock.forward()
    assert enrolled.verify(enrolled.code()).status == 204
    assert remove(enrolled).status == 204
    assert enrolled.row() == (None, None, None, None)
    assert enrolled.sql.execute("SELECT FROM auth.recovery_codes WHERE user_id = %s", [enrolled.id]).fetchall() == []
    refused(enrolled.refresh(other), 401, "invalid_refresh_token")
    good(enrolled.refresh())
    assert good(call("GET", "/auth/me", token=enrolled.token))["totp_enabled"] is False
    good(enrolled.login())
    good(enrolled.login(enrolled.code()))  # a code that nobody asks for any more is passed over
    assert enrolled.audited().count("totp_disabled") == 1
    assert enrolled.mails() == ["verify", "second_factor_changed", "second_factor_changed"]


def test_taking_away_what_is_not_there(owner: Owner) -> None:
    authenticator = owner.begin()
    assert [remove(owner).status for _ in range(2)] == [204, 204]
    refused(owner.confirm(authenticator.code()), 409, "totp_not_started")
    assert "totp_disabled" not in owner.audited()
    assert owner.mails() == ["verify"]


def test_wrong_codes_have_to_wait(enrolled: Owner) -> None:
    def tries(attempt: Callable[[str], Any]) -> list[int]:
        answers = [attempt(enrolled.wrong()) for _ in range(8)]
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status == 429)
        return [answer.status for answer in answers]

    enrolled.begin()
    for attempt in (enrolled.verify, enrolled.login):
        statuses = tries(attempt)
        assert statuses[:4] == [401] * 4
        assert statuses[-1] == 429
    refused(enrolled.confirm(enrolled.wrong()), 429, "too_many_requests")
    refused(enrolled.verify(enrolled.code()), 429, "too_many_requests")


def test_nothing_of_it_is_in_the_clear(
    owner: Owner, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    begun = good(call("POST", "/auth/totp", token=owner.token))
    owner.authenticator = authenticator = Authenticator(begun["secret"], owner.clock.time)
    given = [authenticator.wrong(), authenticator.code()]
    refused(owner.confirm(given[0]), 401, "invalid_totp_code")
    codes = good(owner.confirm(given[1]))["recovery_codes"]
    given += [authenticator.code(), codes[0], codes[0]]
    for code in given[2:]:
        owner.login(code)
    secret_words = [
        begun["secret"],
        begun["secret"].lower(),
        *codes,
        *(code.replace("-", "") for code in codes),
        *given,
    ]
    said = caplog.text + "".join(capfd.readouterr())
    assert not [word for word in secret_words if word in said]
    kept = "".join(
        str(
            owner.sql.execute(
                f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t {which}", [owner.id]
            ).fetchone()
        )
        for table, which in (
            ("auth.users", "WHERE id = %s"),
            ("auth.sessions", "WHERE user_id = %s"),
            ("auth.audit", "WHERE user_id = %s"),
            ("auth.recovery_codes", "WHERE user_id = %s"),
            ("events.outbox", "WHERE aggregate_id = %s"),
        )
    )
    assert kept.count(owner.id) > 15
    hidden = [*secret_words[: -len(given)], begun["secret"].encode().hex(), *(code.encode().hex() for code in codes)]
    hidden.append(base64.b32decode(begun["secret"]).hex())
    assert not [word for word in hidden if word in kept]


def test_how_it_stands_is_told(owner: Owner) -> None:
    def told() -> Any:
        return good(call("GET", "/auth/totp", token=owner.token))

    version = told().pop("version")
    before = {"enabled": False, "enabled_at": None, "recovery_codes_left": 0, "demanded": False, "version": version}
    assert told() == before
    owner.begin()
    assert told() == before
    owner.enrol()
    assert (told()["enabled"], told()["recovery_codes_left"], told()["version"]) == (True, 10, version + 1)
    answer = call("GET", "/auth/totp", token=owner.token)
    etag = {"If-None-Match": answer.headers["etag"]}
    assert call("GET", "/auth/totp", token=owner.token, headers=etag).status == 304
    stale = call("DELETE", "/auth/totp", token=owner.token, headers={"If-Match": f'"{version}.0"'})
    refused(stale, 412, "version_mismatch")
    assert owner.verify(owner.recovery_codes[0]).status == 204
    assert call("GET", "/auth/totp", token=owner.token, headers=etag).body["recovery_codes_left"] == 9
