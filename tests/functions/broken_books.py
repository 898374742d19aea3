"""What can go wrong with the books: statements by which it does, and the checks that must say so, and no others.

`%(name)s` are ids of `used_shop.UsedShop.names`, and `%(stranger)s` is nobody's. They are run with triggers, and with
them foreign keys, put out of action.
"""

_SALE = """
    INSERT INTO store.movements (id, kind, product_id, warehouse_id, quantity, reason, order_id, trace_id)
    VALUES (gen_random_uuid(), 'sale', %(cheese)s, %(place)s, 1.5, 'test', {order}, 'test')
"""
_MOVED = """
    INSERT INTO store.movements (id, kind, product_id, warehouse_id, quantity, reason, trace_id)
    VALUES (gen_random_uuid(), '{kind}', %(cheese)s, {place}, 1.5, 'test', 'test')
"""
_EVENT = """
    INSERT INTO events.outbox (id, type, schema_version, aggregate_id, version, trace_id, state, published_at)
    SELECT gen_random_uuid(), type, 1, {aggregate}, version + {newer}, 'test', '{{}}', now() FROM events.outbox
    WHERE aggregate_id = {like} AND type = '{kind}' ORDER BY version DESC LIMIT 1
"""
_TOLD_LONG_AGO = "UPDATE events.outbox SET published_at = now() - interval '1 hour' WHERE aggregate_id = %(cheese)s"
_NEVER_TOLD = "DELETE FROM events.outbox WHERE aggregate_id = %(cheese)s"
_CHANGED_LONG_AGO = "UPDATE store.products SET updated_at = now() - interval '1 hour' WHERE id = %(cheese)s"
_OLDER = "UPDATE basket.products SET version = version - 1 WHERE id = %(cheese)s"
_OLDER_STOCK = "UPDATE basket.stock SET version = version - 1 WHERE product_id = %(cheese)s"
_MISSING = "DELETE FROM basket.products WHERE id = %(cheese)s"
_MISSING_STOCK = "DELETE FROM basket.stock WHERE product_id = %(cheese)s"
_UNPUBLISHED = """
    UPDATE events.outbox SET published_at = NULL, occurred_at = now() - interval '{ago}' WHERE aggregate_id = %(placed)s
"""
_ANOTHER = (
    "sku = 'x'", "name = 'x'", "price_amount = price_amount + 1", "currency = 'USD'", "status = 'archived'",
    "quantity_step = 5", "min_quantity = 5", "max_quantity = 5",
)  # fmt: skip


def _order(name: str, what: str) -> str:
    return f"UPDATE basket.orders SET {what} WHERE id = %({name})s"


def _reservation(name: str, what: str) -> str:
    return f"UPDATE store.reservations SET {what} WHERE order_id = %({name})s"


def _line(name: str, what: str) -> str:
    return f"UPDATE basket.order_lines SET {what} WHERE order_id = %({name})s AND product_id = %(cheese)s"


def _stock(what: str) -> str:
    return f"UPDATE store.stock SET {what} WHERE product_id = %(cheese)s AND warehouse_id = %(place)s"


def _payment(name: str, what: str) -> str:
    return f"UPDATE basket.payments SET {what} WHERE order_id = %({name})s"


def _refund(name: str, what: str) -> str:
    return f"UPDATE basket.refunds SET {what} WHERE order_id = %({name})s"


def _history(name: str, version: int, what: str) -> str:
    return f"UPDATE basket.order_history SET {what} WHERE order_id = %({name})s AND version = {version}"


def _event(kind: str, *, like: str, aggregate: str | None = None, newer: int = 0) -> str:
    named = f"%({aggregate or like})s"
    return _EVENT.format(aggregate=named, newer=newer, like=f"%({like})s", kind=kind)


# By what is wrong: which checks find it, and how it comes about.
WRONG: dict[str, tuple[set[str], list[str]]] = {
    "goods that came from nowhere": ({"ledger"}, [_MOVED.format(kind="receive", place="%(place)s")]),
    "goods moved where nothing lies": ({"ledger"}, [_MOVED.format(kind="receive", place="%(stranger)s")]),
    "more reserved than there is": (
        {"balances", "reserved"},
        ["ALTER TABLE store.stock DROP CONSTRAINT stock_check", _stock("reserved = on_hand + 1")],
    ),
    "less than nothing reserved": (
        {"balances", "reserved", "available"},
        ["ALTER TABLE store.stock DROP CONSTRAINT stock_check", _stock("reserved = -500")],
    ),
    "something reserved for nobody": ({"reserved"}, [_stock("reserved = reserved + 1")]),
    "stock told wrong, and copied so": (
        {"available"},
        [
            "UPDATE store.stock_versions SET available = available + 1 WHERE product_id = %(cheese)s",
            "UPDATE basket.stock SET available = available + 1 WHERE product_id = %(cheese)s",
        ],
    ),
    "a line rounded down": (
        {"line_totals"},
        [
            _line("placed", "line_total = line_total - 1"),
            _order("placed", "subtotal = subtotal - 1, total = total - 1"),
        ],
    ),
    "a subtotal of other lines": ({"order_totals"}, [_order("placed", "subtotal = subtotal + 1, total = total + 1")]),
    "a total that is no sum": (
        {"order_totals"},
        ["ALTER TABLE basket.orders DROP CONSTRAINT orders_total_check", _order("placed", "total = total + 1")],
    ),
    "an order of nothing": (
        {"order_totals", "open_orders"},
        ["DELETE FROM basket.order_lines WHERE order_id = %(placed)s", _order("placed", "subtotal = 0, total = 0")],
    ),
    "a state that nobody brought about": ({"history"}, [_order("placed", "status = 'picking'")]),
    "a history from the future": ({"history"}, [_history("picking", 2, "version = 3")]),
    "an order without history": ({"history"}, ["DELETE FROM basket.order_history WHERE order_id = %(placed)s"]),
    "a state skipped": ({"steps"}, [_history("delivered", 3, "status = 'delivering'")]),
    "a history with another beginning": ({"steps"}, [_history("delivered", 1, "status = 'paid'")]),
    "a history that begins late": (
        {"steps"},
        ["DELETE FROM basket.order_history WHERE order_id = %(picking)s AND version = 1"],
    ),
    "picked before it is paid online": ({"steps", "paid_orders"}, [_order("picking", "payment_method = 'telegram'")]),
    "an open order that holds more": (
        {"open_orders", "reserved"},
        ["UPDATE store.reserved_lines SET quantity = quantity + 1 WHERE order_id = %(placed)s"],
    ),
    "an open order that holds too little": (
        {"open_orders", "reserved"},
        ["DELETE FROM store.reserved_lines WHERE order_id = %(placed)s AND product_id = %(cheese)s"],
    ),
    "an open order that holds it elsewhere": ({"open_orders"}, [_order("paid", "warehouse_id = %(other)s")]),
    "an open order that holds nothing": (
        {"open_orders", "reserved"},
        ["DELETE FROM store.reservations WHERE order_id = %(delivering)s"],
    ),
    "an open order that gave it back": ({"open_orders", "reserved"}, [_reservation("picking", "state = 'released'")]),
    "a delivered order that sold nothing": ({"delivered_orders"}, [_reservation("delivered", "state = 'released'")]),
    "a cancelled order that holds it still": (
        {"cancelled_orders", "reservations", "reserved"},
        [_reservation("cancelled", "state = 'reserved'")],
    ),
    "a cancelled order that never held it": (
        {"cancelled_orders"},
        ["DELETE FROM store.reservations WHERE order_id = %(cancelled)s"],
    ),
    "reserved for no order": (
        {"reservations"},
        ["INSERT INTO store.reservations (order_id, warehouse_id) VALUES (%(stranger)s, %(place)s)"],
    ),
    "sold for no order": (
        {"reservations"},
        ["INSERT INTO store.reservations (order_id, warehouse_id, state) VALUES (%(stranger)s, %(place)s, 'sold')"],
    ),
    "a sale unwritten": (
        {"sales"},
        ["UPDATE store.movements SET kind = 'write_off' WHERE kind = 'sale' AND order_id = %(delivered)s"],
    ),
    "sold twice": (
        {"sales"},
        [_SALE.format(order="%(delivered)s"), _MOVED.format(kind="receive", place="%(place)s")],
    ),
    "sold in two parts": (
        {"sales"},
        [
            "UPDATE store.movements SET quantity = 1 WHERE order_id = %(delivered)s AND product_id = %(cheese)s",
            _SALE.format(order="%(delivered)s").replace("1.5", "0.5"),
        ],
    ),
    "sold from another warehouse": (
        {"sales"},
        [_order("delivered", "warehouse_id = %(other)s"), _reservation("delivered", "warehouse_id = %(other)s")],
    ),
    "sold before it is delivered": (
        {"sales"},
        [_SALE.format(order="%(placed)s"), _MOVED.format(kind="receive", place="%(place)s")],
    ),
    "sold to nobody": ({"sales"}, [_SALE.format(order="NULL"), _MOVED.format(kind="receive", place="%(place)s")]),
    "paid less than the total": ({"payment_status"}, [_payment("paid", "amount = amount - 1")]),
    "paid in another currency": ({"payment_status"}, [_payment("paid", "currency = 'USD'")]),
    "paid without a payment": ({"payment_status"}, ["DELETE FROM basket.payments WHERE order_id = %(paid)s"]),
    "paid and not known": (
        {"payment_status", "paid_orders"},
        [_order("delivered", "payment_status = 'unpaid'")],
    ),
    "refunded by its word alone": ({"payment_status"}, [_order("paid", "payment_status = 'refunded'")]),
    "refunded more by its word than was paid": (
        {"payment_status"},
        [_payment("given_back", "amount = amount - 1"), _refund("given_back", "amount = amount - 1")],
    ),
    "delivered for nothing": (
        {"paid_orders"},
        [
            _order("delivered", "payment_status = 'unpaid'"),
            "DELETE FROM basket.payments WHERE order_id = %(delivered)s",
        ],
    ),
    "more given back than was paid": ({"refunds"}, [_refund("refunded_in_part", "amount = 1000000000")]),
    "all given back and not said": (
        {"refunds"},
        [
            "UPDATE basket.refunds r SET amount = p.amount FROM basket.payments p"
            " WHERE p.id = r.payment_id AND p.order_id = %(refunded_in_part)s"
        ],
    ),
    "less given back than is said": ({"refunds"}, [_refund("given_back", "amount = amount - 1")]),
    "given back of what was never paid": (
        {"payment_status", "refunds"},
        [_payment("refunded_in_part", "status = 'failed'")],
    ),
    "given back in another currency": ({"refunds"}, [_refund("refunded_in_part", "currency = 'USD'")]),
    "given back for another order": ({"refunds"}, [_refund("refunded_in_part", "order_id = %(paid)s")]),
    "an event that waits too long": ({"outbox"}, [_UNPUBLISHED.format(ago="1 hour")]),
    "an order's event lost": (
        {"order_events"},
        ["DELETE FROM events.outbox WHERE aggregate_id = %(delivered)s AND version = 3"],
    ),
    "an order's first event lost": ({"order_events"}, ["DELETE FROM events.outbox WHERE aggregate_id = %(placed)s"]),
    "an order's event told twice": ({"order_events"}, [_event("basket.order.placed", like="placed")]),
    "an event of an order that isn't": (
        {"order_events"},
        [_event("basket.order.placed", like="placed", aggregate="stranger")],
    ),
    "an event of an order's future": ({"order_events"}, [_event("basket.order.placed", like="placed", newer=1)]),
    "an old order's last event lost": (
        {"order_events"},
        [
            _order("delivered", "created_at = now() - interval '20 days'"),
            "DELETE FROM events.outbox WHERE aggregate_id = %(delivered)s AND version IN (1, 5)",
        ],
    ),
    "an event of a product's future": ({"store_events"}, [_event("store.product.changed", like="cheese", newer=1)]),
    "an event of a stock's future": ({"store_events"}, [_event("store.stock.changed", like="cheese", newer=1)]),
    "a stock's event told twice": ({"store_events"}, [_event("store.stock.changed", like="cheese")]),
    "an event of a product that isn't": (
        {"store_events"},
        [_event("store.product.changed", like="cheese", aggregate="stranger")],
    ),
    "an event of a stock that isn't": (
        {"store_events"},
        [_event("store.stock.changed", like="cheese", aggregate="stranger")],
    ),
    "a copy from the future": (
        {"product_copies_newer"},
        ["UPDATE basket.products SET version = version + 1 WHERE id = %(cheese)s"],
    ),
    "a copy of no product": (
        {"product_copies_newer"},
        [
            "INSERT INTO basket.products (id, version, sku, name, unit, quantity_step, min_quantity, price_amount,"
            " currency, status) VALUES (%(stranger)s, 1, 'x', 'x', 'kg', 1, 1, 1, 'RUB', 'active')"
        ],
    ),
    "a change that never arrived": ({"product_copies_older"}, [_OLDER, _TOLD_LONG_AGO]),
    "a change that was never told": ({"product_copies_older"}, [_OLDER, _NEVER_TOLD, _CHANGED_LONG_AGO]),
    "a product that never arrived": ({"product_copies_older"}, [_MISSING, _TOLD_LONG_AGO]),
    **{
        f"a copy with another {what.split()[0]}": (
            {"product_copies_differ"},
            [f"UPDATE basket.products SET {what} WHERE id = %(cheese)s"],
        )
        for what in _ANOTHER
    },
    "a stock's copy from the future": (
        {"stock_copies_newer"},
        ["UPDATE basket.stock SET version = version + 1 WHERE product_id = %(cheese)s"],
    ),
    "a copy of no stock": (
        {"stock_copies_newer"},
        ["INSERT INTO basket.stock (product_id, version, available) VALUES (%(stranger)s, 1, 1)"],
    ),
    "a stock that never arrived": ({"stock_copies_older"}, [_MISSING_STOCK, _TOLD_LONG_AGO]),
    "a stock's change that never arrived": ({"stock_copies_older"}, [_OLDER_STOCK, _TOLD_LONG_AGO]),
    "a stock's change that was never told": ({"stock_copies_older"}, [_OLDER_STOCK, _NEVER_TOLD]),
    "a stock's copy that has more": (
        {"stock_copies_differ"},
        ["UPDATE basket.stock SET available = available + 1 WHERE product_id = %(cheese)s"],
    ),
}

# What looks strange and isn't: under way, within the grace, or long past what events are kept.
RIGHT: dict[str, list[str]] = {
    "goods that came back, and were thrown away": [
        _MOVED.format(kind="return", place="%(place)s"),
        _MOVED.format(kind="write_off", place="%(place)s"),
    ],
    "an event that waits": [_UNPUBLISHED.format(ago="1 minute")],
    "a change that left the outbox just now": [_OLDER],
    "a change that waits in the outbox": [
        _OLDER,
        _CHANGED_LONG_AGO,
        "UPDATE events.outbox SET published_at = NULL WHERE aggregate_id = %(cheese)s AND type LIKE 'store.product.%%'",
    ],
    "a change of this moment": [_OLDER, _NEVER_TOLD],
    "a product made just now": [_MISSING],
    "a stock's change that left the outbox just now": [_OLDER_STOCK],
    "a draft that nobody was told of": [
        "UPDATE store.products SET status = 'draft' WHERE id = %(cheese)s",
        _MISSING,
        _MISSING_STOCK,
        _TOLD_LONG_AGO,
    ],
    "an old order whose events were swept": [
        _order("delivered", "created_at = now() - interval '20 days', updated_at = now() - interval '15 days'"),
        "DELETE FROM events.outbox WHERE aggregate_id = %(delivered)s",
    ],
    "a product told again": [_event("store.product.changed", like="cheese")],
}
