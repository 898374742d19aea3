"""PATCH of a basket's line through the basket's handler, against its one SQL statement by psycopg."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

from tests.performance.benchmarks.accounts import connected
from tests.performance.benchmarks.figures import Figure, in_turn, logs_in_a_file
from tests.performance.requests_of import Shop, rest_event

ROUNDS, BATCH, LINES = 80, 10, 5


def figures(stack: Mapping[str, Any], shop: Shop) -> list[Figure]:
    """With a token that the environment knows already, and with one that it sees for the first time."""
    from auth.keys import access_token
    from basket.app import handler
    from eatit.identifiers import uuid7

    token = shop.sign_in("customer")
    product = shop.fill_basket(token, LINES)[LINES // 2]
    user = UUID(shop.call("GET", "/auth/me", token=token)["id"])
    path = f"/basket/items/{product['id']}"
    steps = [Decimal(product["min_quantity"]) + times * Decimal(product["quantity_step"]) for times in range(2)]
    bodies = itertools.cycle([{"quantity": str(step)} for step in steps])

    def changing(tokens: Iterable[str]) -> Callable[[], None]:
        events = iter([rest_event("PATCH", path, token=each, body=next(bodies)) for each in tokens])

        def change() -> None:
            answer = handler(next(events), None)
            assert answer["statusCode"] == 200, answer

        return change

    calls = (ROUNDS + 1) * BATCH
    strangers = [access_token(user, "customer", uuid7()) for _ in range(calls)]
    with connected(stack, "basket") as connection, logs_in_a_file():
        same = _same_statement(connection, user, UUID(product["id"]), steps)
        known = in_turn(changing([token] * calls), same, rounds=ROUNDS, batch=BATCH)
        strange = in_turn(changing(strangers), same, rounds=ROUNDS, batch=BATCH)
    what = f"PATCH of a basket's line, signed in, {LINES} lines, fsync on"
    return [
        Figure(what, "its SQL by psycopg", known, 2.5),
        Figure(f"{what}, each time with a token never seen before", "its SQL by psycopg", strange),
    ]


def _same_statement(
    connection: psycopg.Connection[Any], user: UUID, product: UUID, quantities: list[Decimal]
) -> Callable[[], object]:
    """The very statement that the handler sends, prepared, its rows fetched."""
    from basket.baskets import MAX_LINES, MAX_QUANTITY
    from basket.statements import SET
    from eatit.identifiers import uuid7

    sql = SET["user"].encode()
    given = itertools.cycle(quantities)

    def run() -> object:
        parameters = {
            "user": user, "product": product, "quantity": next(given), "expected": None, "largest": MAX_QUANTITY,
            "most_lines": MAX_LINES, "new_id": uuid7(),
        }  # fmt: skip
        rows = connection.execute(sql, parameters, prepare=True).fetchall()
        assert len(rows) == LINES
        return rows

    return run
