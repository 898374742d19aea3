"""Payments: what an order says of its money is what was paid for it and given back."""

from operations.books.check import Check

CHECKS = (
    Check(
        "payment_status",
        "what is paid has payments of its total, what is refunded had them all back, what is unpaid has none",
        """
        SELECT o.id AS order_id, o.payment_status, o.total, p.paid, p.refunded, p.other_currencies,
            p.other_currencies > 0 OR CASE o.payment_status
                WHEN 'paid' THEN p.paid IS DISTINCT FROM o.total
                WHEN 'refunded' THEN p.paid IS NOT NULL OR p.refunded IS NULL OR p.refunded < o.total
                ELSE p.paid IS NOT NULL
            END AS broken
        FROM basket.orders o LEFT JOIN (
            SELECT p.order_id, sum(p.amount) FILTER (WHERE p.status = 'paid') AS paid,
                sum(p.amount) FILTER (WHERE p.status = 'refunded') AS refunded,
                count(*) FILTER (WHERE p.currency <> o.currency) AS other_currencies
            FROM basket.payments p JOIN basket.orders o ON o.id = p.order_id GROUP BY p.order_id
        ) AS p ON p.order_id = o.id
        """,
    ),
    Check(
        "paid_orders",
        "what is paid or delivered, or is to be paid online and on its way, isn't unpaid",
        """
        SELECT id AS order_id, status, payment_method, payment_status, payment_status = 'unpaid' AS broken
        FROM basket.orders
        WHERE status IN ('paid', 'delivered') OR status IN ('picking', 'delivering') AND payment_method <> 'cash'
        """,
    ),
    Check(
        "refunds",
        "no more is given back of a payment than was paid, and all of it of a refunded one",
        """
        SELECT p.id AS payment_id, p.order_id, p.status, p.amount, r.given, r.strange,
            r.strange > 0 OR coalesce(r.given, 0) > p.amount OR CASE p.status
                WHEN 'refunded' THEN coalesce(r.given, 0) <> p.amount
                WHEN 'paid' THEN r.given = p.amount
                ELSE r.given IS NOT NULL
            END IS TRUE AS broken
        FROM basket.payments p LEFT JOIN (
            SELECT r.payment_id, sum(r.amount) AS given,
                count(*) FILTER (WHERE r.order_id <> p.order_id OR r.currency <> p.currency) AS strange
            FROM basket.refunds r JOIN basket.payments p ON p.id = r.payment_id GROUP BY r.payment_id
        ) AS r ON r.payment_id = p.id
        """,
    ),
)
