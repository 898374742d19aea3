"""Orders: their sums, their history, and the stock that each holds, has given back or has sold."""

from operations.books.check import Check

# Where an order may go from each state. One that is paid in cash may also be picked before it is paid.
STEPS = (
    ("placed", "paid"), ("placed", "cancelled"), ("paid", "picking"), ("paid", "cancelled"), ("picking", "delivering"),
    ("picking", "cancelled"), ("delivering", "delivered"), ("delivering", "cancelled"),
)  # fmt: skip
STEP_OF_CASH = ("placed", "picking")

_OPEN = ("placed", "paid", "picking", "delivering")
_steps = ", ".join(f"('{before}', '{after}')" for before, after in STEPS)


def _stock_of_orders(statuses: tuple[str, ...], state: str) -> str:
    """Orders in these states, broken where their reservation isn't in this one, elsewhere, or of other lines."""
    listed = ", ".join(f"'{status}'" for status in statuses)
    return f"""
    SELECT o.id AS order_id, o.status, r.state AS reservation, o.warehouse_id, r.warehouse_id AS reserved_in,
        coalesce(d.lines, 0) AS lines_that_differ,
        r.state IS DISTINCT FROM '{state}' OR r.warehouse_id IS DISTINCT FROM o.warehouse_id OR d.lines > 0 AS broken
    FROM basket.orders o
    LEFT JOIN store.reservations r ON r.order_id = o.id
    LEFT JOIN (
        SELECT order_id, count(*) AS lines
        FROM basket.order_lines l FULL JOIN store.reserved_lines r USING (order_id, product_id)
        WHERE l.quantity IS DISTINCT FROM r.quantity GROUP BY order_id
    ) AS d ON d.order_id = o.id
    WHERE o.status IN ({listed})
    """  # noqa: S608


CHECKS = (
    Check(
        "line_totals",
        "a line's total is its price times its quantity, rounded once, half up",
        """
        SELECT order_id, product_id, price, quantity, line_total, line_total <> round(price * quantity) AS broken
        FROM basket.order_lines
        """,
    ),
    Check(
        "order_totals",
        "an order has lines, its subtotal is their sum, and its total that less the discount plus the fee",
        """
        SELECT o.id AS order_id, o.subtotal, o.discount_total, o.fee_total, o.total, l.lines_total,
            o.subtotal IS DISTINCT FROM l.lines_total OR o.total <> o.subtotal - o.discount_total + o.fee_total
                AS broken
        FROM basket.orders o LEFT JOIN (
            SELECT order_id, sum(line_total) AS lines_total FROM basket.order_lines GROUP BY order_id
        ) AS l ON l.order_id = o.id
        """,
    ),
    Check(
        "history",
        "an order is in the state that it went to last",
        """
        SELECT o.id AS order_id, o.status, o.version, h.status AS went_to, h.version AS at_version,
            h.status IS DISTINCT FROM o.status OR h.version > o.version AS broken
        FROM basket.orders o LEFT JOIN (
            SELECT DISTINCT ON (order_id) order_id, status, version FROM basket.order_history
            ORDER BY order_id, version DESC
        ) AS h ON h.order_id = o.id
        """,
    ),
    Check(
        "steps",
        "an order's first state is placed, and each step from there is one that may be",
        f"""
        SELECT h.order_id, h.version, h.before, h.status,
            CASE
                WHEN h.before IS NULL THEN h.status <> 'placed' OR h.version <> 1
                WHEN (h.before, h.status) = {STEP_OF_CASH} THEN o.payment_method <> 'cash'
                ELSE (h.before, h.status) NOT IN ({_steps})
            END AS broken
        FROM (
            SELECT order_id, version, status, lag(status) OVER (PARTITION BY order_id ORDER BY version) AS before
            FROM basket.order_history
        ) AS h JOIN basket.orders o ON o.id = h.order_id
        """,  # noqa: S608
    ),
    Check(
        "open_orders",
        "an open order holds exactly its lines, in its warehouse",
        _stock_of_orders(_OPEN, "reserved"),
    ),
    Check("delivered_orders", "a delivered order has sold what it held", _stock_of_orders(("delivered",), "sold")),
    Check(
        "cancelled_orders",
        "a cancelled order has given back what it held",
        _stock_of_orders(("cancelled",), "released"),
    ),
    Check(
        "reservations",
        "nothing is reserved or sold but for an order that is open or delivered",
        f"""
        SELECT r.order_id, r.state, r.warehouse_id, o.status,
            CASE r.state WHEN 'sold' THEN o.status IS DISTINCT FROM 'delivered'
                ELSE o.status IS NULL OR o.status NOT IN {_OPEN} END AS broken
        FROM store.reservations r LEFT JOIN basket.orders o ON o.id = r.order_id
        WHERE r.state <> 'released'
        """,  # noqa: S608
    ),
    Check(
        "sales",
        "each line of a delivered order was sold once, from its warehouse, and nothing else was",
        """
        SELECT order_id, product_id, l.quantity, m.sold, m.sales,
            l.quantity IS DISTINCT FROM m.sold OR m.sales <> 1 OR m.warehouse_id IS DISTINCT FROM l.warehouse_id
                AS broken
        FROM (
            SELECT l.order_id, l.product_id, l.quantity, o.warehouse_id
            FROM basket.orders o JOIN basket.order_lines l ON l.order_id = o.id WHERE o.status = 'delivered'
        ) AS l FULL JOIN (
            SELECT order_id, product_id, (array_agg(warehouse_id))[1] AS warehouse_id, sum(quantity) AS sold,
                count(*) AS sales
            FROM store.movements WHERE kind = 'sale' GROUP BY order_id, product_id
        ) AS m USING (order_id, product_id)
        """,
    ),
)
