"""Names that grow when they are made comparable: they are sorted, and a cursor that ends on one is taken back."""

import pytest

from tests.functions.calls import call, good, product, unique


@pytest.mark.parametrize("letter", ["\ufdfa", "\u3300", "\U0002a6d0", "\x01", '"'], ids=ascii)
def test_a_page_may_end_on_any_name(staff: str, letter: str) -> None:
    category = good(call("POST", "/store/categories", {"name": "x", "slug": unique("c")}, token=staff), 201)["id"]
    made = [product(staff, name=letter * 300, category_id=category)["id"] for _ in range(2)]
    path = f"/store/products?category={category}&limit=1"
    first = good(call("GET", path))
    second = good(call("GET", f"{path}&cursor={first['next_cursor']}"))
    assert [first["items"][0]["id"], second["items"][0]["id"]] == made
    assert second["next_cursor"] is None
