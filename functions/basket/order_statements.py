"""The statements that make, read and change orders, in the driver's own form (see `Database.rows`)."""

RESERVE = """
SELECT reserved, in_warehouse, product, available
FROM store.reserve(%(order)s::uuid, %(lines)s::jsonb, %(warehouse)s::uuid, %(latitude)s::float8, %(longitude)s::float8,
    %(trace)s::text)
"""
RELEASE = "SELECT store.release(%(order)s::uuid, %(trace)s::text)"
SELL = "SELECT store.sell(%(order)s::uuid, %(trace)s::text)"

# One statement: the order with its lines and the beginning of its history, and the basket empty. No row: the number
# is another order's.
PLACE = """
WITH placed AS (
    INSERT INTO basket.orders (id, number, user_id, payment_method, warehouse_id, currency, subtotal, discount_total,
        fee_total, total, delivery, language)
    VALUES (%(order)s::uuid, %(number)s::text, %(user)s::uuid, %(payment_method)s::text, %(warehouse)s::uuid,
        %(currency)s::text, %(subtotal)s::bigint, %(discount)s::bigint, %(fee)s::bigint, %(total)s::bigint,
        %(delivery)s::jsonb, %(language)s::text)
    ON CONFLICT (number) DO NOTHING RETURNING id
), sold AS (
    INSERT INTO basket.order_lines (order_id, position, product_id, sku, name, photo_url, unit, quantity, price,
        line_total)
    SELECT placed.id, l.position, l.product_id, l.sku, l.name, l.photo_url, l.unit, l.quantity, l.price, l.line_total
    FROM placed, jsonb_to_recordset(%(lines)s::jsonb) AS l(position integer, product_id uuid, sku text, name text,
        photo_url text, unit text, quantity numeric, price bigint, line_total bigint)
), told AS (
    INSERT INTO basket.order_history (order_id, version, status, actor_id, actor_role)
    SELECT placed.id, 1, 'placed', %(user)s::uuid, %(role)s::text FROM placed
), taken AS (
    DELETE FROM basket.lines USING placed WHERE basket_id = %(basket)s::uuid
), counted AS (
    UPDATE basket.baskets SET version = version + 1, updated_at = now() FROM placed WHERE baskets.id = %(basket)s::uuid
)
SELECT id FROM placed
"""

# How many orders a user hasn't paid for yet, of cash and on their way.
OWED = """
SELECT count(*) AS orders FROM basket.orders o
WHERE o.user_id = %(user)s::uuid AND o.payment_method = 'cash' AND o.payment_status = 'unpaid'
    AND o.status NOT IN ('delivered', 'cancelled')
"""

_ORDER = """
SELECT o.id, o.number, o.user_id, o.status, o.payment_method, o.payment_status, o.warehouse_id, o.currency, o.subtotal,
    o.discount_total, o.fee_total, o.total, o.delivery, o.language, o.version, o.created_at, o.updated_at,
    (SELECT jsonb_agg(jsonb_build_object('product_id', l.product_id, 'sku', l.sku, 'name', l.name,
            'photo_url', l.photo_url, 'unit', l.unit, 'quantity', l.quantity::text, 'price', l.price,
            'line_total', l.line_total) ORDER BY l.position)
        FROM basket.order_lines l WHERE l.order_id = o.id) AS lines,
    (SELECT jsonb_agg(jsonb_build_object('status', h.status,
            'at', to_char(h.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'by', h.actor_id,
            'by_role', h.actor_role, 'reason', h.reason) ORDER BY h.version)
        FROM basket.order_history h WHERE h.order_id = o.id) AS history,
    coalesce((SELECT sum(r.amount) FROM basket.refunds r WHERE r.order_id = o.id), 0)::bigint AS refunded
FROM basket.orders o
"""
READ = f"{_ORDER} WHERE o.id = %(order)s::uuid"
# What an order is now is read by a statement of its own after this: another may have changed it while this one waited.
LOCK = "SELECT o.id FROM basket.orders o WHERE o.id = %(order)s::uuid FOR UPDATE"

CONDITIONS = {
    "owner": "o.user_id = %(owner)s::uuid",
    "user_id": "o.user_id = %(user_id)s::uuid",
    "status": "o.status = %(status)s::text",
    "payment_status": "o.payment_status = %(payment_status)s::text",
    "payment_method": "o.payment_method = %(payment_method)s::text",
    "warehouse": "o.warehouse_id = %(warehouse)s::uuid",
    "number": "o.number = %(number)s::text",
    "after": "o.id < %(after)s::uuid",
}


def listed(*conditions: str) -> str:
    """A page of orders, the newest first, under these of `CONDITIONS`."""
    narrowed = " AND ".join(CONDITIONS[name] for name in conditions) or "true"
    return f"{_ORDER} WHERE {narrowed} ORDER BY o.id DESC LIMIT %(most)s::bigint"


CHANGE = """
WITH changed AS (
    UPDATE basket.orders SET status = %(status)s::text, payment_status = %(payment_status)s::text,
        version = version + 1, updated_at = now()
    WHERE id = %(order)s::uuid RETURNING id, version
)
INSERT INTO basket.order_history (order_id, version, status, actor_id, actor_role, reason)
SELECT id, version, %(status)s::text, %(actor)s::uuid, %(role)s::text, %(reason)s::text
FROM changed WHERE %(moved)s::boolean
"""

PAY = """
INSERT INTO basket.payments (id, order_id, provider, status, amount, currency, actor_id)
VALUES (%(id)s::uuid, %(order)s::uuid, %(provider)s::text, 'paid', %(amount)s::bigint, %(currency)s::text,
    %(actor)s::uuid)
"""
PAYMENTS = """
SELECT id, order_id, provider, status, amount, currency, invoice_url, created_at
FROM basket.payments WHERE order_id = %(order)s::uuid ORDER BY id
"""
REFUNDS = """
SELECT id, order_id, payment_id, amount, currency, reason, actor_id, created_at
FROM basket.refunds WHERE order_id = %(order)s::uuid ORDER BY id
"""
REFUND = """
WITH given AS (
    INSERT INTO basket.refunds (id, order_id, payment_id, amount, currency, reason, actor_id)
    VALUES (%(id)s::uuid, %(order)s::uuid, %(payment)s::uuid, %(amount)s::bigint, %(currency)s::text, %(reason)s::text,
        %(actor)s::uuid)
)
UPDATE basket.payments SET status = 'refunded' WHERE id = %(payment)s::uuid AND %(whole)s::boolean
"""

# Whose time to pay is over; one that another environment is at is let alone.
UNPAID = """
SELECT o.id FROM basket.orders o
WHERE o.status = 'placed' AND o.payment_method <> 'cash' AND o.payment_status = 'unpaid'
    AND o.created_at < now() - make_interval(mins => %(minutes)s::integer)
    AND o.id <> ALL(%(passed_over)s::uuid[])
ORDER BY o.created_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""

# A user's basket, so that there is one to be locked; then what of an order may go into it again.
MAKE = """
INSERT INTO basket.baskets (id, user_id) VALUES (%(new_id)s::uuid, %(user)s::uuid) ON CONFLICT (user_id) DO NOTHING
"""
ORDERED = """
SELECT o.product_id, o.quantity AS ordered, l.quantity AS there, p.status, p.quantity_step, p.min_quantity,
    p.max_quantity, p.price_amount, (SELECT count(*) FROM basket.lines c WHERE c.basket_id = b.id) AS held
FROM basket.baskets b JOIN basket.order_lines o ON o.order_id = %(order)s::uuid
LEFT JOIN basket.lines l ON l.basket_id = b.id AND l.product_id = o.product_id
LEFT JOIN basket.products p ON p.id = o.product_id
WHERE b.user_id = %(user)s::uuid ORDER BY o.position
"""
REFILL = """
WITH basket AS (
    UPDATE basket.baskets SET version = version + 1, updated_at = now() WHERE user_id = %(user)s::uuid RETURNING id
)
INSERT INTO basket.lines (basket_id, product_id, quantity, price_seen)
SELECT basket.id, l.product_id, l.quantity, l.price
FROM basket, jsonb_to_recordset(%(lines)s::jsonb) AS l(product_id uuid, quantity numeric, price bigint)
ON CONFLICT (basket_id, product_id) DO UPDATE SET quantity = excluded.quantity
"""
