"""Events: whatever happened was told, once and of nothing else, and what was told has left."""

from operations.books.check import Check

# Younger than this is surely kept: upkeep sweeps what was published 14 days ago.
KEPT = "interval '13 days'"

CHECKS = (
    Check(
        "outbox",
        "no event waits for longer than the grace",
        """
        SELECT id AS event_id, type, aggregate_id, version,
            floor(extract(epoch FROM now() - occurred_at))::bigint AS waiting_seconds,
            occurred_at < now() - make_interval(secs => %(grace)s::float8) AS broken
        FROM events.outbox WHERE published_at IS NULL
        """,
        settles=True,
    ),
    Check(
        "order_events",
        "each version of an order was told once, as far as events are kept",
        f"""
        SELECT coalesce(e.aggregate_id, o.id) AS order_id, o.version, e.first, e.last, e.told, e.versions,
            CASE
                WHEN o.id IS NULL OR e.told > e.versions OR e.last > o.version THEN true
                WHEN o.created_at > now() - {KEPT} THEN e.first IS DISTINCT FROM 1 OR e.versions <> o.version
                ELSE o.updated_at > now() - {KEPT} AND e.last IS DISTINCT FROM o.version
            END AS broken
        FROM basket.orders o FULL JOIN (
            SELECT aggregate_id, min(version) AS first, max(version) AS last, count(*) AS told,
                count(DISTINCT version) AS versions
            FROM events.outbox WHERE starts_with(type, 'basket.order.') GROUP BY aggregate_id
        ) AS e ON e.aggregate_id = o.id
        """,  # noqa: S608
    ),
    Check(
        "store_events",
        "nothing was told of a version of a product or its stock that isn't there, nor of stock twice",
        """
        SELECT e.aggregate_id AS product_id, e.of_stock, coalesce(v.version, p.version) AS version, e.last,
            CASE WHEN e.of_stock THEN e.last > coalesce(v.version, 0) OR e.told > e.versions
                ELSE e.last > coalesce(p.version, 0) END AS broken
        FROM (
            SELECT aggregate_id, type = 'store.stock.changed' AS of_stock, max(version) AS last, count(*) AS told,
                count(DISTINCT version) AS versions
            FROM events.outbox
            WHERE type IN ('store.stock.changed', 'store.product.changed', 'store.product.archived')
            GROUP BY aggregate_id, type = 'store.stock.changed'
        ) AS e
        LEFT JOIN store.stock_versions v ON e.of_stock AND v.product_id = e.aggregate_id
        LEFT JOIN store.products p ON NOT e.of_stock AND p.id = e.aggregate_id
        """,
    ),
)
