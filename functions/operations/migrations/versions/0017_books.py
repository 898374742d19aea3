"""What the check of the books may read: ids, states, versions and numbers, and nothing of whoever bought something."""

from alembic import op

revision = "0017"
down_revision = "0016"

READ = {
    "store.movements": "kind, product_id, warehouse_id, to_warehouse_id, quantity, order_id",
    "store.stock": "product_id, warehouse_id, on_hand, reserved",
    "store.stock_versions": "product_id, version, available",
    "store.reservations": "order_id, warehouse_id, state",
    "store.reserved_lines": "order_id, product_id, quantity",
    "store.warehouses": "id, active",
    "store.products": "id, version, sku, name, price_amount, currency, status, quantity_step, min_quantity, "
    "max_quantity, updated_at",
    "basket.products": "id, version, sku, name, price_amount, currency, status, quantity_step, min_quantity, "
    "max_quantity",
    "basket.stock": "product_id, version, available",
    "basket.orders": "id, status, payment_method, payment_status, warehouse_id, currency, subtotal, discount_total, "
    "fee_total, total, version, created_at, updated_at",
    "basket.order_lines": "order_id, product_id, quantity, price, line_total",
    "basket.order_history": "order_id, version, status",
    "basket.payments": "id, order_id, status, amount, currency",
    "basket.refunds": "order_id, payment_id, amount, currency",
}


def upgrade() -> None:
    for table, columns in READ.items():
        op.execute(f"GRANT SELECT ({columns}) ON {table} TO eatit_operations")
