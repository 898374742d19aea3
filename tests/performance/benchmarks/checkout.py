"""Checkout of five lines through the basket's handler, against its own SQL by psycopg."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

import psycopg

from tests.performance.benchmarks.accounts import connected
from tests.performance.benchmarks.figures import Figure, in_turn, logs_in_a_file
from tests.performance.checkout_goods import FILL, BareCheckout, body, stocked
from tests.performance.requests_of import Shop, rest_event

ROUNDS, LINES = 300, 5


def figures(stack: Mapping[str, Any], shop: Shop) -> Iterator[Figure]:
    """One checkout each in turn; filling the basket before it isn't counted."""
    token = shop.sign_in("customer")
    user = UUID(shop.call("GET", "/auth/me", token=token)["id"])
    with psycopg.connect(stack["database_url"], autocommit=True) as owner, connected(stack, "basket") as connection:
        products = stocked(owner, LINES)
        shop.call("DELETE", "/basket", token=token)

        def fill() -> None:
            owner.execute(FILL, {"user": user, "products": products})

        with logs_in_a_file():
            ratio = in_turn(_by_handler(token), BareCheckout(connection, user), rounds=ROUNDS, batch=1, before=fill)
    what = f"checkout of {LINES} lines, signed in, fsync on, its events published"
    yield Figure(what, "its SQL by psycopg, nothing published", ratio, 2.0)


def _by_handler(token: str) -> Callable[[], None]:
    from basket.app import handler

    total = 10**9

    def check_out() -> None:
        event = rest_event("POST", "/basket/checkout", token=token, body=body(total))
        for headers, value in (("headers", uuid.uuid4().hex), ("multiValueHeaders", [uuid.uuid4().hex])):
            event[headers]["Idempotency-Key"] = value
        answer = handler(event, None)
        assert answer["statusCode"] == 201, answer

    return check_out
