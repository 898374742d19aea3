"""The tree of categories: a thousand deep, and moved by many at once without a cycle."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from eatit.database import Database
from eatit.errors import Conflict
from store import categories
from tests.functions.calls import call, good, product, unique

DEEP = 1000
ROUNDS, MOVERS = 20, 4


def test_a_tree_a_thousand_deep_answers(staff: str, sql: Any) -> None:
    chain = [uuid.uuid4() for _ in range(DEEP)]
    rows = [
        (own, f"ы{place}", unique("deep"), parent)
        for place, (own, parent) in enumerate(zip(chain, [None, *chain[:-1]], strict=True))
    ]
    with sql.cursor() as cursor:
        cursor.executemany("INSERT INTO store.categories (id, name, slug, parent_id) VALUES (%s, %s, %s, %s)", rows)
    try:
        tree = good(call("GET", "/store/categories", token=staff))["items"]
        depths = {item["id"]: item["depth"] for item in tree}
        assert [depths[str(own)] for own in chain] == list(range(DEEP))
        assert good(call("GET", f"/store/categories/{chain[-1]}"))["depth"] == DEEP - 1
        answer = call("PATCH", f"/store/categories/{chain[0]}", {"parent_id": str(chain[-1])}, token=staff)
        assert (answer.status, answer.body["code"]) == (409, "category_cycle")
        thing = product(staff, category_id=str(chain[-1]))
        found = good(call("GET", f"/store/products?category={chain[0]}"))["items"]
        assert [item["id"] for item in found] == [thing["id"]]
    finally:
        here = "SELECT id FROM store.products WHERE category_id = ANY(%s)"
        sql.execute(f"DELETE FROM store.prices WHERE product_id IN ({here})", [chain])
        sql.execute(f"DELETE FROM store.products WHERE id IN ({here})", [chain])
        sql.execute("DELETE FROM store.categories WHERE id = ANY(%s)", [chain])


def test_many_movers_at_once_close_no_cycle(sql: psycopg.Connection[Any]) -> None:
    """Eight categories, moved under each other at random by as many hands as there are."""
    seed = random.Random(20_261_122)
    ids = [uuid.uuid4() for _ in range(8)]
    for own in ids:
        sql.execute("INSERT INTO store.categories (id, name, slug) VALUES (%s, 'x', %s)", [own, unique("move")])
    hands = [Database("store") for _ in range(MOVERS)]

    def move(hand: Database, own: uuid.UUID, parent: uuid.UUID) -> bool:
        try:
            hand.transaction(lambda one: categories.change_category(one, own, {"parent_id": parent}, None))
        except Conflict as conflict:
            if conflict.code != "category_cycle":
                raise
            return False
        return True

    outcomes: list[bool] = []
    try:
        with ThreadPoolExecutor(MOVERS) as pool:
            for _ in range(ROUNDS):
                pairs = [seed.sample(ids, 2) for _ in hands]
                begun = [pool.submit(move, hand, *pair) for hand, pair in zip(hands, pairs, strict=True)]
                outcomes += [each.result() for each in begun]
                parents = dict(sql.execute("SELECT id, parent_id FROM store.categories WHERE id = ANY(%s)", [ids]))
                for own in ids:
                    seen: set[Any] = set()
                    while own is not None:
                        assert own not in seen, "a cycle"
                        seen.add(own)
                        own = parents[own]
    finally:
        for hand in hands:
            hand.close()
        sql.execute("UPDATE store.categories SET parent_id = NULL WHERE id = ANY(%s)", [ids])
        sql.execute("DELETE FROM store.categories WHERE id = ANY(%s)", [ids])
    assert True in outcomes
    assert False in outcomes
