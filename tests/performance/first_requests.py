"""What each public function is asked first when its cold start is measured."""

from __future__ import annotations

from typing import Any

from tests.performance.cold_start import HANDLERS
from tests.performance.requests_of import Shop, rest_event

FIRST_REQUESTS = {name: HANDLERS[name] for name in ("AuthFunction", "StoreFunction", "BasketFunction")}
HELLO_EVENT = rest_event("GET", "/hello")


def first_events(shop: Shop) -> dict[str, dict[str, Any]]:
    """The account and the basket of somebody signed in, and a product for anyone."""
    customer = shop.sign_in("customer")
    product = shop.fill_basket(customer, 3)[0]
    return {
        "AuthFunction": rest_event("GET", "/auth/me", token=customer),
        "StoreFunction": rest_event("GET", f"/store/products/{product['id']}"),
        "BasketFunction": rest_event("GET", "/basket", token=customer),
    }
