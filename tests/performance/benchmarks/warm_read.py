"""A product's warm GET through the store's handler, against a bare redis-py GET of the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from redis import Redis

from tests.performance.benchmarks.figures import Figure, in_turn, logs_in_a_file
from tests.performance.requests_of import Shop, rest_event

ROUNDS, BATCH = 200, 25


def figures(stack: Mapping[str, Any], shop: Shop) -> list[Figure]:
    """One figure. The answer is cached, as it is for all but one request in five seconds."""
    from store.app import handler

    product = shop.goods(1)[0]["id"]
    event = rest_event("GET", f"/store/products/{product}")
    client = Redis.from_url(stack["redis_url"])
    with logs_in_a_file():
        answer = handler(event, None)
        assert answer["statusCode"] == 200, answer
        kept = client.get(f"store:product:{product}:en")
        assert isinstance(kept, bytes)
        assert json.loads(kept.partition(b"\n")[2]) == json.loads(answer["body"])
        ratio = in_turn(
            lambda: handler(event, None),
            lambda: client.get(f"store:product:{product}:en"),
            rounds=ROUNDS,
            batch=BATCH,
        )
    client.close()
    return [Figure("GET of a product, warm, by `handler(event)`", "redis-py GET", ratio, 6.5)]
