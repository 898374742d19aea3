"""What checkouts are measured with: goods without end in a warehouse, baskets filled by SQL, and checkout's own
statements by psycopg."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import namedtuple_row

DELIVERY = {"name": "Анна", "phone": "+7 900 000-00-00", "address": "улица Вторая, 2"}
PLENTY = 900_000_000
FILL = """
WITH basket AS (
    INSERT INTO basket.baskets AS b (id, user_id) VALUES (gen_random_uuid(), %(user)s)
    ON CONFLICT (user_id) DO UPDATE SET version = b.version + 1 RETURNING id
)
INSERT INTO basket.lines (basket_id, product_id, quantity, price_seen)
SELECT basket.id, p.id, 2 * p.min_quantity, p.price_amount FROM basket, basket.products p WHERE p.id = ANY(%(products)s)
"""


def stocked(owner: psycopg.Connection[Any], count: int) -> list[UUID]:
    """So many products on sale, of which one warehouse has more than can be sold."""
    (place,) = owner.execute("SELECT id FROM store.warehouses WHERE active ORDER BY code LIMIT 1").fetchone() or (None,)
    rows = owner.execute(
        "SELECT p.id FROM basket.products p JOIN store.products s USING (id) WHERE s.status = 'active'"
        " ORDER BY id LIMIT %s",
        [count],
    ).fetchall()
    found = [row[0] for row in rows]
    assert len(found) == count, f"there are {len(found)} products"
    owner.execute(
        "INSERT INTO store.stock (product_id, warehouse_id, on_hand, reserved)"
        " SELECT id, %s, %s, 0 FROM unnest(%s::uuid[]) AS id"
        " ON CONFLICT (product_id, warehouse_id) DO UPDATE SET on_hand = excluded.on_hand",
        [place, PLENTY, found],
    )
    return found


def body(total: int) -> dict[str, Any]:
    """Checkout's body."""
    return {
        "expected_total": {"amount": total, "currency": "RUB"},
        "delivery": DELIVERY,
        "payment_method": "cash",
    }


class BareCheckout:
    """The statements that the handler sends at a checkout, prepared, in one transaction, their rows fetched."""

    def __init__(self, connection: psycopg.Connection[Any], user: UUID) -> None:
        self.connection, self.user = connection, user
        self.connection.prepare_threshold = 0

    def __call__(self) -> None:
        from basket.checkout import order_number
        from basket.order_statements import PLACE, READ, RESERVE
        from basket.statements import LOCK as BASKET_LOCK
        from basket.statements import READ as BASKET
        from eatit.http.idempotency import KEEP, KEPT, KEPT_HOURS, LOCK
        from eatit.identifiers import uuid7
        from eatit.outbox import ADOPT, EMIT, MARK_PUBLISHED

        kept = "basket.idempotency"
        order, event = uuid7(), uuid7()
        scope = hashlib.sha256(uuid4().bytes).digest()
        with self.connection.transaction(), self.connection.cursor(row_factory=namedtuple_row) as cursor:

            def rows(sql: str, given: Any) -> Sequence[Any]:
                return cursor.execute(sql.encode(), given).fetchall()

            rows(LOCK, {"lock": int.from_bytes(scope[:8], signed=True)})
            rows(KEPT.format(table=kept, hours=KEPT_HOURS), {"scope": scope})
            rows(BASKET_LOCK["user"], {"user": self.user})
            lines = rows(BASKET["user"], {"user": self.user})
            wanted = [{"product_id": str(line.product_id), "quantity": str(line.quantity)} for line in lines]
            place = {"warehouse": None, "latitude": None, "longitude": None, "trace": "bench"}
            reserved = rows(RESERVE, {"order": order, "lines": json.dumps(wanted), **place})
            assert all(row.reserved for row in reserved)
            sold = [
                {
                    "position": position, "product_id": str(line.product_id), "sku": line.sku, "name": line.name,
                    "photo_url": None, "unit": line.unit, "quantity": str(line.quantity), "price": line.price_amount,
                    "line_total": line.price_amount,
                }
                for position, line in enumerate(lines, 1)
            ]  # fmt: skip
            total = sum(line.price_amount for line in lines)
            placed = rows(
                PLACE,
                {
                    "order": order, "number": order_number(), "user": self.user, "role": "customer",
                    "payment_method": "cash", "warehouse": reserved[0].in_warehouse, "currency": "RUB",
                    "subtotal": total, "discount": 0, "fee": 0, "total": total, "delivery": json.dumps(DELIVERY),
                    "language": "ru", "lines": json.dumps(sold), "basket": lines[0].basket_id,
                },
            )  # fmt: skip
            assert placed
            written = rows(ADOPT, None)
            (made,) = rows(READ, {"order": order})
            state = json.dumps({"id": str(order), "items": made.lines, "number": made.number})
            told = {"id": event, "type": "basket.order.placed", "schema_version": 1, "aggregate_id": order}
            rows(EMIT, {**told, "version": 1, "trace_id": "bench", "state": state})
            answer = {"status": 201, "headers": "{}", "body": state.encode() * 2}
            cursor.execute(KEEP.format(table=kept).encode(), {"scope": scope, "body_digest": scope, **answer})
        ids = [event, *(row.id for row in written)]
        self.connection.execute(MARK_PUBLISHED.encode(), {"ids": ids})
