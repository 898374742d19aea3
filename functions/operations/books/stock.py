"""Stock: balances are what their movements made them, and hold what orders were promised."""

from operations.books.check import Check

_MOVED = """
    SELECT product_id, warehouse_id, sum(quantity) AS moved FROM (
        SELECT product_id, warehouse_id,
            CASE WHEN kind IN ('write_off', 'sale', 'transfer') THEN -quantity ELSE quantity END AS quantity
        FROM store.movements
        UNION ALL
        SELECT product_id, to_warehouse_id, quantity FROM store.movements WHERE to_warehouse_id IS NOT NULL
    ) AS effects GROUP BY product_id, warehouse_id
"""
_HELD = """
    SELECT l.product_id, r.warehouse_id, sum(l.quantity) AS held
    FROM store.reservations r JOIN store.reserved_lines l ON l.order_id = r.order_id
    WHERE r.state = 'reserved' GROUP BY l.product_id, r.warehouse_id
"""
_AVAILABLE = """
    SELECT s.product_id, max(s.on_hand - s.reserved) AS available
    FROM store.stock s JOIN store.warehouses w ON w.id = s.warehouse_id AND w.active GROUP BY s.product_id
"""

CHECKS = (
    Check(
        "ledger",
        "what lies in a warehouse is the sum of its movements, and nothing moved where there is no balance",
        f"""
        SELECT product_id, warehouse_id, s.on_hand, m.moved, s.on_hand IS DISTINCT FROM coalesce(m.moved, 0) AS broken
        FROM store.stock s FULL JOIN ({_MOVED}) AS m USING (product_id, warehouse_id)
        """,  # noqa: S608
    ),
    Check(
        "balances",
        "no balance is below zero, and no more is reserved than lies there",
        """
        SELECT product_id, warehouse_id, on_hand, reserved, NOT (on_hand >= reserved AND reserved >= 0) AS broken
        FROM store.stock
        """,
    ),
    Check(
        "reserved",
        "what is reserved in a warehouse is the sum of what its reservations hold",
        f"""
        SELECT product_id, warehouse_id, s.reserved, h.held, s.reserved IS DISTINCT FROM coalesce(h.held, 0) AS broken
        FROM store.stock s FULL JOIN ({_HELD}) AS h USING (product_id, warehouse_id)
        """,  # noqa: S608
    ),
    Check(
        "available",
        "what was last told to be available of a product is the most that one open warehouse has",
        f"""
        SELECT product_id, v.version, v.available AS told, a.available,
            coalesce(v.available, 0) <> coalesce(a.available, 0) AS broken
        FROM store.stock_versions v FULL JOIN ({_AVAILABLE}) AS a USING (product_id)
        """,  # noqa: S608
    ),
)
