"""From the 2xx of a price's PATCH to the first GET /basket that shows it, through the gateway of an idle stack."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from typing import Any

from tests.performance.benchmarks.figures import Figure
from tests.performance.cold_start import Ratio
from tests.performance.requests_of import Shop

SAMPLES = 500
GIVE_UP_SECONDS = 30.0


def figures(_stack: Mapping[str, Any], shop: Shop) -> list[Figure]:
    """Beside one GET /basket each, since no reader can see it sooner than that. The read after the PATCH is at once."""
    staff, customer = shop.sign_in("staff"), shop.sign_in("customer")
    product = shop.fill_basket(customer, 1)[0]
    price = product["price"]
    delays, reads = [], []
    try:
        for sample in range(SAMPLES):
            begun = time.perf_counter()
            shop.call("GET", "/basket", token=customer)
            reads.append(time.perf_counter() - begun)
            amount = price["amount"] + 100 + sample
            changed = {"price": {**price, "amount": amount}}
            shop.call("PATCH", f"/store/products/{product['id']}", token=staff, body=changed)
            delays.append(_until_seen(shop, customer, amount))
    finally:
        shop.call("PATCH", f"/store/products/{product['id']}", token=staff, body={"price": price})
    cut = statistics.quantiles(delays, n=100)
    also = (
        f"{SAMPLES} samples: median {statistics.median(delays) * 1000:.1f} ms (aim < 100), "
        f"p99 {cut[98] * 1000:.1f} ms (aim < 500), most {max(delays) * 1000:.1f} ms"
    )
    return [Figure("a new price, from PATCH's 2xx to GET /basket", "GET /basket", Ratio.of(delays, reads), None, also)]


def _until_seen(shop: Shop, customer: str, amount: int) -> float:
    begun = time.perf_counter()
    while True:
        basket = shop.call("GET", "/basket", token=customer)
        waited = time.perf_counter() - begun
        if basket["items"][0]["price"]["amount"] == amount:
            return waited
        if waited > GIVE_UP_SECONDS:
            raise AssertionError(f"the basket doesn't show the price after {waited:.0f} s")
