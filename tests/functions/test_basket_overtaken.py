"""A basket merged or swept while somebody changes it: the change stands, or its maker is told that it failed."""

from typing import Any

import pytest

from tests.functions.calls import call, good, product
from tests.functions.held import overtaken

MERGED = "UPDATE basket.baskets SET version = version + 1, merged_at = now(), updated_at = now() WHERE id = %s"
SWEPT = "DELETE FROM basket.baskets WHERE id = %s"


def guest(product_id: str) -> tuple[str, dict[str, str]]:
    """A guest's basket with one of a product: its id, and the header with its token."""
    made = call("POST", "/basket/items", {"product_id": product_id, "quantity": 1})
    return good(made)["id"], {"X-Basket-Token": made.headers["x-basket-token"]}


@pytest.mark.parametrize("statement", [MERGED, SWEPT], ids=["merged", "swept"])
@pytest.mark.parametrize(
    ("method", "path", "quantity"),
    [
        ("POST", "/basket/items", "1"),
        ("PATCH", "/basket/items/{}", "2"),
        ("PATCH", "/basket/items/{}", "0"),
        ("DELETE", "/basket/items/{}", None),
        ("DELETE", "/basket", None),
    ],
)
def test_a_guests_change_that_comes_too_late_is_404(
    shop: dict[str, Any], staff: str, statement: str, method: str, path: str, quantity: str | None
) -> None:
    made = product(staff)["id"]
    basket, token = guest(made)
    body: Any = None if quantity is None else {"quantity": quantity}
    if method == "POST":
        body = {"product_id": made, "quantity": quantity}
    with overtaken(shop["database_url"], statement, [basket]):
        refused = call(method, path.format(made), body, headers=token)
    assert (refused.status, refused.body["code"]) == (404, "basket_not_found")


@pytest.mark.parametrize("key", [None, "once"])
def test_what_a_user_puts_into_a_basket_that_is_swept_stands_in_another(
    shop: dict[str, Any], staff: str, customer: Any, key: str | None
) -> None:
    token = customer["access_token"]
    old, new = product(staff)["id"], product(staff)["id"]
    swept = good(call("POST", "/basket/items", {"product_id": old, "quantity": 1}, token=token))["id"]
    headers = {} if key is None else {"Idempotency-Key": key}
    with overtaken(shop["database_url"], SWEPT, [swept]):
        answer = call("POST", "/basket/items", {"product_id": new, "quantity": 1}, token=token, headers=headers)
    basket = good(answer)
    assert basket["id"] != swept
    assert [line["product_id"] for line in basket["items"]] == [new]
    assert good(call("GET", "/basket", token=token))["items"] == basket["items"]


def test_a_line_set_to_what_it_is_meanwhile_counts_the_version_no_further(
    shop: dict[str, Any], staff: str, sql: Any
) -> None:
    made = product(staff)["id"]
    basket, token = guest(made)
    changed = """WITH b AS (UPDATE basket.baskets SET version = version + 1 WHERE id = %s RETURNING id)
        UPDATE basket.lines l SET quantity = 7 FROM b WHERE l.basket_id = b.id"""
    with overtaken(shop["database_url"], changed, [basket]):
        answer = call("PATCH", f"/basket/items/{made}", {"quantity": 7}, headers=token)
    assert good(answer)["version"] == 2
    assert sql.execute("SELECT version FROM basket.baskets WHERE id = %s", [basket]).fetchone() == (2,)
