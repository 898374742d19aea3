"""Second factors and admins: one's own guards what one changes, and a lost one is taken away by another."""

from typing import Any

import pytest

from eatit.settings import settings
from tests.functions.calls import call, good
from tests.functions.owners import CodeClock, Owner, refused


@pytest.fixture
def admin(code_clock: CodeClock, sql: Any) -> Any:
    made = Owner(code_clock, sql, "admin").enrol()
    yield made
    sql.execute("UPDATE auth.users SET role = 'customer' WHERE id = %s", [made.id])


def change(admin: Owner, user: Owner, **given: Any) -> Any:
    return call("PATCH", f"/auth/users/{user.id}", given, token=admin.token)


def test_a_stolen_session_of_an_admin_changes_nobody(admin: Owner, code_clock: CodeClock, sql: Any) -> None:
    thief = Owner(code_clock, sql)
    admin.age("second_factor_at", 11)
    for given in ({"role": "admin"}, {"disabled": True}, {"totp_enabled": False}):
        refused(change(admin, thief, **given), 403, "second_factor_required")
        refused(change(admin, admin, **given), 403, "second_factor_required")
    assert admin.verify(admin.code()).status == 204
    assert good(change(admin, thief, role="staff"))["role"] == "staff"


def test_an_admin_takes_a_lost_factor_away_and_its_sessions_end(admin: Owner, code_clock: CodeClock, sql: Any) -> None:
    owner = Owner(code_clock, sql).enrol()
    good(call("GET", "/auth/me", token=owner.token))
    assert good(change(admin, owner, totp_enabled=False))["totp_enabled"] is False
    refused(call("GET", "/auth/me", token=owner.token), 401, "invalid_token")
    refused(owner.refresh(), 401, "invalid_refresh_token")
    assert owner.audited()[-1] == "totp_disabled"
    good(owner.login())


def test_an_admin_who_must_have_one_keeps_their_own(admin: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECOND_FACTOR", "admin")
    settings.cache_clear()
    try:
        refused(change(admin, admin, totp_enabled=False), 409, "second_factor_demanded")
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert good(call("GET", "/auth/totp", token=admin.token))["enabled"] is True
