"""A receipt in a real browser: nothing is fetched, nothing complains, and what was bought can be read."""

import base64
from typing import Any

import pytest

from tests.browser.chromium import Browser
from tests.gateway.shop import Api, Keeper, good, unique
from tests.gateway.test_orders import Shop


@pytest.mark.parametrize(("language", "total"), [("ru", "Итого"), ("en", "Total")])
def test_a_receipt_is_read(browser: Browser, stack: dict[str, Any], language: str, total: str) -> None:
    api = Api(stack["url"])
    staff, customer = (
        good(api.post("/auth/login", dict(stack["users"][role])))["access_token"] for role in ("staff", "customer")
    )
    shop = Shop(api, Keeper(api, staff), staff)
    good(api.delete("/basket", token=customer))
    shop.fill(customer, shop.goods("5", name="Сыр <b>твёрдый</b>"), "1.5")
    basket = shop.fill(customer, shop.goods("5", name="Чай", sold_by="piece", quantity_step="1"), "2")
    order = good(shop.checkout(customer, basket["total"], unique("key")), 201)
    url = f"{stack['url']}/basket/orders/{order['id']}/receipt"
    sent = {"Authorization": f"Bearer {customer}", "Accept-Language": language}
    browser.driver.execute_cdp_cmd("Network.enable", {})
    browser.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": sent})
    browser.driver.get(url)
    browser.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})
    rows = browser.driver.find_elements("css selector", "tbody tr")
    assert [row.find_element("css selector", "bdi").text for row in rows] == ["Сыр <b>твёрдый</b>", "Чай"]
    last = browser.driver.find_element("css selector", "tr.total").text
    assert total in last
    assert "454,65" in last.replace(".", ",")
    assert browser.complaints() == []
    api.session.close()
    assert set(browser.asked()) == {url}
    printed = base64.b64decode(browser.driver.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert printed.startswith(b"%PDF")
