"""Copies: what the basket knows of products and their stock is what the store has, or is about to be."""

from operations.books.check import Check

_CUTOFF = "now() - make_interval(secs => %(grace)s::float8)"


def _older(store: str, behind: str, types: str) -> str:
    """Copies that are older than the store's, broken where they should have been told by now.

    `store`: all that is looked at. `behind`: what is older of it, as rows (product_id, version, copied, changed_at),
    with `copied` 0 where there is no copy, and `changed_at` null where nobody knows. What a copy lacks may wait in the
    outbox or have left it within the grace; what left earlier should have arrived.
    """
    return f"""
    SELECT s.product_id, b.version, b.copied,
        b.product_id IS NOT NULL AND (e.overdue IS TRUE
            OR e.overdue IS NULL AND (b.changed_at < {_CUTOFF}) IS NOT FALSE) AS broken
    FROM ({store}) AS s
    LEFT JOIN ({behind}) AS b USING (product_id)
    LEFT JOIN (
        SELECT b.product_id, coalesce(bool_or(e.published_at < {_CUTOFF}), false) AS overdue
        FROM ({behind}) AS b JOIN events.outbox e ON e.aggregate_id = b.product_id AND e.version > b.copied
        WHERE e.type IN ({types}) GROUP BY b.product_id
    ) AS e USING (product_id)
    """  # noqa: S608


CHECKS = (
    Check(
        "product_copies_newer",
        "no copy of a product is newer than the product, or of none",
        """
        SELECT c.id AS product_id, p.version, c.version AS copied, c.version > coalesce(p.version, 0) AS broken
        FROM basket.products c LEFT JOIN store.products p ON p.id = c.id
        """,
    ),
    Check(
        "product_copies_older",
        "no copy of a product is older than the product for longer than the grace",
        _older(
            "SELECT id AS product_id FROM store.products",
            """
            SELECT p.id AS product_id, p.version, coalesce(c.version, 0) AS copied, p.updated_at AS changed_at
            FROM store.products p LEFT JOIN basket.products c ON c.id = p.id
            WHERE c.version < p.version OR c.id IS NULL AND p.status = 'active'
            """,
            "'store.product.changed', 'store.product.archived'",
        ),
        settles=True,
    ),
    Check(
        "product_copies_differ",
        "a copy of a product's version says what the product does",
        """
        SELECT c.id AS product_id, c.version, p.price_amount AS price, c.price_amount AS copied_price,
            array_remove(ARRAY[
                CASE WHEN c.sku <> p.sku THEN 'sku' END,
                CASE WHEN c.name <> p.name THEN 'name' END,
                CASE WHEN (c.price_amount, c.currency) <> (p.price_amount, p.currency) THEN 'price' END,
                CASE WHEN c.status <> p.status THEN 'status' END,
                CASE WHEN c.quantity_step <> p.quantity_step THEN 'quantity_step' END,
                CASE WHEN c.min_quantity <> p.min_quantity THEN 'min_quantity' END,
                CASE WHEN c.max_quantity IS DISTINCT FROM p.max_quantity THEN 'max_quantity' END
            ], NULL) AS differ,
            (c.sku, c.name, c.price_amount, c.currency, c.status, c.quantity_step, c.min_quantity)
                <> (p.sku, p.name, p.price_amount, p.currency, p.status, p.quantity_step, p.min_quantity)
                OR c.max_quantity IS DISTINCT FROM p.max_quantity AS broken
        FROM basket.products c JOIN store.products p ON p.id = c.id AND p.version = c.version
        """,
    ),
    Check(
        "stock_copies_newer",
        "no copy of a product's stock is newer than its stock, or of none",
        """
        SELECT c.product_id, v.version, c.version AS copied, c.version > coalesce(v.version, 0) AS broken
        FROM basket.stock c LEFT JOIN store.stock_versions v ON v.product_id = c.product_id
        """,
    ),
    Check(
        "stock_copies_older",
        "no copy of a product's stock is older than its stock for longer than the grace",
        _older(
            "SELECT product_id FROM store.stock_versions",
            """
            SELECT v.product_id, v.version, coalesce(c.version, 0) AS copied, NULL::timestamptz AS changed_at
            FROM store.stock_versions v JOIN store.products p ON p.id = v.product_id
            LEFT JOIN basket.stock c ON c.product_id = v.product_id
            WHERE c.version < v.version OR c.product_id IS NULL AND p.status = 'active'
            """,
            "'store.stock.changed'",
        ),
        settles=True,
    ),
    Check(
        "stock_copies_differ",
        "a copy of a product's stock says how much of it there is",
        """
        SELECT c.product_id, c.version, v.available, c.available AS copied, c.available <> v.available AS broken
        FROM basket.stock c JOIN store.stock_versions v ON v.product_id = c.product_id AND v.version = c.version
        """,
    ),
)
