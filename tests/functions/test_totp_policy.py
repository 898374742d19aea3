"""The shop's policy: which roles may do nothing but enrol until their session has a second factor."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eatit.settings import settings
from tests.functions.calls import call, good
from tests.functions.owners import CodeClock, Owner, refused
from tests.who_may import WHO, address_of, body_for, refusal_of

Policy = Callable[[str], None]


@pytest.fixture
def policy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Policy]:
    """`policy("staff")`: the least role that must have a second factor, in this process."""

    def demand(least: str) -> None:
        monkeypatch.setenv("SECOND_FACTOR", least)
        settings.cache_clear()

    demand("off")
    yield demand
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def keeper(code_clock: CodeClock, sql: Any, policy: Policy) -> Owner:
    """A staff member whom nobody asked for a second factor so far."""
    return Owner(code_clock, sql, "staff")


def new_unit(token: str) -> Any:
    return call("POST", "/store/units", {}, token=token)


def walked(token: str) -> dict[tuple[str, str], tuple[int, str | None]]:
    """What each route that reads tokens says to this one."""
    found = {}
    for (method, path), kind in WHO.items():
        if kind != "open" and (method, path) != ("DELETE", "/auth/totp"):
            answer = call(method, address_of(path), body_for(method), token=token)
            found[method, path] = answer.status, answer.body.get("code") if answer.content else None
    return found


def test_a_role_that_must_have_one_can_only_enrol(keeper: Owner, policy: Policy) -> None:
    policy("staff")
    keeper.token = good(keeper.login())["access_token"]
    said = walked(keeper.token)
    for key, answer in said.items():
        refusal = refusal_of(WHO[key], "enrolling")
        assert answer == refusal if refusal else answer[1] != "second_factor_required", key
    assert said["GET", "/auth/me"][0] == 200
    assert said["GET", "/store/products"] == said["GET", "/basket"] == (403, "second_factor_required")

    keeper.enrol()
    refused(new_unit(keeper.token), 422, "invalid_body")
    good(call("GET", "/basket", token=keeper.token))
    good(call("GET", "/auth/sessions", token=keeper.token))


def test_a_session_with_a_factor_keeps_its_rights(keeper: Owner, policy: Policy) -> None:
    policy("staff")
    keeper.session = good(keeper.login())
    keeper.token = keeper.session["access_token"]
    keeper.enrol()
    good(keeper.refresh())
    refused(new_unit(keeper.token), 422, "invalid_body")
    signed_in = good(keeper.login(keeper.code()))
    refused(new_unit(signed_in["access_token"]), 422, "invalid_body")
    keeper.clock.forward()
    by_recovery = good(keeper.login(keeper.recovery_codes[0]))
    refused(new_unit(by_recovery["access_token"]), 422, "invalid_body")


def test_a_session_from_before_the_policy_can_only_enrol_from_its_next_refresh_on(
    keeper: Owner, policy: Policy
) -> None:
    refused(new_unit(keeper.token), 422, "invalid_body")
    policy("staff")
    for _ in range(2):
        good(keeper.refresh())
        refused(new_unit(keeper.token), 403, "second_factor_required")
    keeper.enrol()
    refused(new_unit(keeper.token), 422, "invalid_body")
    good(keeper.refresh())
    refused(new_unit(keeper.token), 422, "invalid_body")
    policy("off")
    good(keeper.refresh())
    refused(new_unit(keeper.token), 422, "invalid_body")


def test_the_oauth_form_gives_no_more(keeper: Owner, policy: Policy) -> None:
    policy("staff")
    form = f"grant_type=password&username={keeper.email}&password=correct+horse+battery+42".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    pair = good(call("POST", "/auth/token", form, headers=headers))
    refused(new_unit(pair["access_token"]), 403, "second_factor_required")
    form = f"grant_type=refresh_token&refresh_token={pair['refresh_token']}".encode()
    pair = good(call("POST", "/auth/token", form, headers=headers))
    refused(new_unit(pair["access_token"]), 403, "second_factor_required")


def test_whoever_must_have_one_keeps_it(keeper: Owner, policy: Policy) -> None:
    keeper.enrol()
    policy("staff")
    refused(call("DELETE", "/auth/totp", token=keeper.token), 409, "second_factor_demanded")
    keeper.age("second_factor_at", 11)
    refused(call("DELETE", "/auth/totp", token=keeper.token), 403, "second_factor_required")
    keeper.age("second_factor_at", 9)
    policy("admin")
    assert call("DELETE", "/auth/totp", token=keeper.token).status == 204


def test_a_session_whose_factor_was_taken_away_has_none(keeper: Owner, policy: Policy) -> None:
    keeper.enrol()
    assert call("DELETE", "/auth/totp", token=keeper.token).status == 204
    policy("staff")
    good(keeper.refresh())
    refused(new_unit(keeper.token), 403, "second_factor_required")


def test_an_enabled_factor_that_a_session_never_gave_is_given_now(keeper: Owner, policy: Policy) -> None:
    keeper.enrol()
    keeper.sql.execute("UPDATE auth.sessions SET second_factor_at = NULL WHERE user_id = %s", [keeper.id])
    policy("staff")
    good(keeper.refresh())
    refused(new_unit(keeper.token), 403, "second_factor_required")
    refused(call("POST", "/auth/totp", token=keeper.token), 403, "second_factor_required")
    refused(call("DELETE", "/auth/totp", token=keeper.token), 403, "second_factor_required")
    refused(call("POST", "/auth/totp/recovery-codes", token=keeper.token), 403, "second_factor_required")
    assert keeper.verify(keeper.code()).status == 204
    good(keeper.refresh())
    refused(new_unit(keeper.token), 422, "invalid_body")


def test_customers_are_left_alone(keeper: Owner, policy: Policy, code_clock: CodeClock, sql: Any) -> None:
    for least in ("staff", "admin"):
        policy(least)
        customer = Owner(code_clock, sql)
        for session in (customer.session, good(customer.login()), good(customer.refresh())):
            good(call("GET", "/basket", token=session["access_token"]))


def test_the_policy_may_ask_admins_alone(keeper: Owner, policy: Policy, code_clock: CodeClock, sql: Any) -> None:
    admin = Owner(code_clock, sql, "admin")
    policy("admin")
    refused(new_unit(good(keeper.login())["access_token"]), 422, "invalid_body")
    refused(new_unit(good(admin.login())["access_token"]), 403, "second_factor_required")


def test_without_a_policy_an_enabled_factor_is_asked_for_all_the_same(keeper: Owner) -> None:
    refused(new_unit(good(keeper.login())["access_token"]), 422, "invalid_body")
    keeper.enrol()
    refused(keeper.login(), 401, "totp_required")
    refused(new_unit(good(keeper.login(keeper.code()))["access_token"]), 422, "invalid_body")
