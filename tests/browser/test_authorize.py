"""Swagger UI's Authorize in a real browser: signs in by POST /auth/token, and what is executed then is let in."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.chromium import Browser
from tests.browser.swagger import Page
from tests.gateway.shop import unique


def only_here(browser: Browser, base: str) -> set[str]:
    """The paths that the page asked for: all of them of the shop itself."""
    asked = browser.asked()
    assert asked
    elsewhere = [url for url in asked if not url.startswith(f"{base}/")]
    assert not elsewhere
    assert {urlsplit(url).hostname for url in asked} == {"127.0.0.1"}
    return {url.removeprefix(base) for url in asked}


# Behind the edge, and at the gateway itself, where the stage stands in the path.
@pytest.mark.parametrize("address", ["url", "gateway_url"])
def test_a_customer_signs_in_and_sees_who_they_are(browser: Browser, stack: dict[str, Any], address: str) -> None:
    customer = stack["users"]["customer"]
    page = Page(browser.driver, f"{stack[address]}/auth/docs")
    page.sign_in(customer)
    page.signed_in()
    status, me = page.execute("accounts", "get_me")
    assert (status, me["email"]) == (200, customer["email"])
    asked = only_here(browser, stack[address])
    assert {"/auth/token", "/auth/me"} <= asked


def test_staff_make_a_unit_in_the_store(browser: Browser, stack: dict[str, Any]) -> None:
    unit = {"code": unique("b"), "name": "килограмм", "dimension": "mass", "factor": "1000"}
    page = Page(browser.driver, f"{stack['url']}/store/docs")
    status, answer = page.execute("units", "create_unit", unit)
    assert (status, answer["code"]) == (401, "authentication_required")
    assert [complaint for complaint in browser.complaints() if "401" not in complaint] == []
    page.sign_in(stack["users"]["staff"])
    page.signed_in()
    status, answer = page.execute("units", "create_unit", unit)
    assert (status, answer["code"]) == (201, unit["code"])
    assert {"/auth/token", "/store/units"} <= only_here(browser, stack["url"])


def test_a_customer_opens_their_basket(browser: Browser, stack: dict[str, Any]) -> None:
    page = Page(browser.driver, f"{stack['url']}/basket/docs")
    page.sign_in(stack["users"]["customer"])
    page.signed_in()
    status, basket = page.execute("basket", "get_basket")
    assert status == 200
    assert basket.keys() >= {"items", "total"}
    assert "/auth/token" in only_here(browser, stack["url"])


def test_a_wrong_password_is_told_and_lets_nobody_in(browser: Browser, stack: dict[str, Any]) -> None:
    customer = stack["users"]["customer"]
    page = Page(browser.driver, f"{stack['url']}/auth/docs")
    page.sign_in({**customer, "password": "not it, surely"})
    told = page.refused()
    assert "invalid_grant" in told
    assert "E-mail or password is wrong" in told
    complaints = browser.complaints()
    assert complaints
    assert all("/auth/token - Failed to load resource" in complaint and "400" in complaint for complaint in complaints)
    # The right one, into the same form.
    page.fill_in(customer)
    page.signed_in()
    assert page.execute("accounts", "get_me")[0] == 200


def test_the_page_keeps_neither_password_nor_token(browser: Browser, stack: dict[str, Any]) -> None:
    page = Page(browser.driver, f"{stack['url']}/auth/docs")
    page.sign_in(stack["users"]["customer"])
    page.signed_in()
    assert page.stored() == "[{},{}]"
    page = Page(browser.driver, f"{stack['url']}/auth/docs")
    assert page.execute("accounts", "get_me")[0] == 401
    assert all("401" in complaint for complaint in browser.complaints())
