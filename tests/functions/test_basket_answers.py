"""What a basket says: the same names as the store, and stale for who expects a basket that isn't there."""

from typing import Any

from tests.functions.calls import call, good, product


def test_a_line_is_named_as_the_product_is(staff: str, customer: Any) -> None:
    words = {"ru": {"name": "Не отсюда"}, "en": {"name": "Cheese"}}
    made = product(staff, name="Сыр", translations=words)
    token = customer["access_token"]
    good(call("POST", "/basket/items", {"product_id": made["id"], "quantity": 1}, token=token))
    for language, name in (("ru", "Сыр"), ("en", "Cheese")):
        headers = {"Accept-Language": language}
        assert good(call("GET", f"/store/products/{made['id']}", headers=headers))["name"] == name
        basket = good(call("GET", "/basket", token=token, headers=headers))
        assert [line["name"] for line in basket["items"]] == [name]


def test_a_change_that_expects_a_basket_finds_none(staff: str, customer: Any) -> None:
    made = product(staff)
    for token in (customer["access_token"], None):
        for method, path, body in (
            ("DELETE", "/basket", None),
            ("DELETE", f"/basket/items/{made['id']}", None),
            ("PATCH", f"/basket/items/{made['id']}", {"quantity": 0}),
            ("PATCH", f"/basket/items/{made['id']}", {"quantity": 1}),
        ):
            stale = call(method, path, body, token=token, headers={"If-Match": '"7.abc"'})
            assert (stale.status, stale.body["code"]) == (412, "version_mismatch")
        empty = call("GET", "/basket", token=token)
        same = {"If-Match": empty.headers["etag"]}
        assert good(call("DELETE", "/basket", token=token, headers=same)) == empty.body
