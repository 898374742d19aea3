"""The tables of schema `basket`."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from eatit.kept_answers import kept_answers

metadata = MetaData(schema="basket")

# The basket's own copy of what it needs of products, kept by product_sync.
products = Table(
    "products",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("sku", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("translations", JSONB, nullable=False, server_default="{}"),
    Column("photo_url", Text),
    Column("unit", Text, nullable=False),
    Column("quantity_step", Numeric(12, 3), nullable=False),
    Column("min_quantity", Numeric(12, 3), nullable=False),
    Column("max_quantity", Numeric(12, 3)),
    Column("price_amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
)

stock = Table(
    "stock",
    metadata,
    Column("product_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),  # of the stock, not of the product
    Column("available", Numeric(14, 3), nullable=False),
    Column("by_warehouse", JSONB, nullable=False, server_default="[]"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("inbox_by_age", "received_at"),
)

baskets = Table(
    "baskets",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, unique=True),
    Column("token_digest", LargeBinary, unique=True),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("merged_at", DateTime(timezone=True)),
    Index("guests_baskets_by_age", "created_at", postgresql_where=text("user_id IS NULL")),
    Index("users_baskets_by_age", "created_at", postgresql_where=text("user_id IS NOT NULL")),
)

lines = Table(
    "lines",
    metadata,
    Column("basket_id", Uuid, ForeignKey(baskets.c.id, ondelete="CASCADE"), primary_key=True),
    Column("product_id", Uuid, primary_key=True),
    Column("quantity", Numeric(12, 3), nullable=False),
    Column("price_seen", BigInteger, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("user_id", Uuid, nullable=False),
    Column("status", Text, nullable=False, server_default="placed"),
    Column("payment_method", Text, nullable=False),
    Column("payment_status", Text, nullable=False, server_default="unpaid"),
    Column("warehouse_id", Uuid, nullable=False),
    Column("currency", Text, nullable=False),
    Column("subtotal", BigInteger, nullable=False),
    Column("discount_total", BigInteger, nullable=False),
    Column("fee_total", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("delivery", JSONB, nullable=False),  # who gets it, and where: nothing of this leaves the table unasked
    Column("language", Text, nullable=False),  # of the names in the lines
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("orders_by_user", "user_id", "id"),
    Index("orders_by_status", "status", "id"),
    Index(
        "orders_awaiting_payment",
        "created_at",
        postgresql_where=text("status = 'placed' AND payment_method <> 'cash'"),
    ),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", Uuid, ForeignKey(orders.c.id, ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("product_id", Uuid, nullable=False),
    Column("sku", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("photo_url", Text),
    Column("unit", Text, nullable=False),
    Column("quantity", Numeric(12, 3), nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("line_total", BigInteger, nullable=False),
    UniqueConstraint("order_id", "product_id"),
)

# The states that an order went through: `version` is the order's own at that moment.
order_history = Table(
    "order_history",
    metadata,
    Column("order_id", Uuid, ForeignKey(orders.c.id, ondelete="CASCADE"), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("status", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("actor_id", Uuid),
    Column("actor_role", Text, nullable=False),
    Column("reason", Text),
)

payments = Table(
    "payments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey(orders.c.id, ondelete="CASCADE"), nullable=False),
    Column("provider", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("invoice_url", Text),
    Column("actor_id", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("payments_by_order", "order_id", "id"),
)

refunds = Table(
    "refunds",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey(orders.c.id, ondelete="CASCADE"), nullable=False),
    Column("payment_id", Uuid, ForeignKey(payments.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor_id", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("refunds_by_order", "order_id", "id"),
)

idempotency = kept_answers(metadata)
