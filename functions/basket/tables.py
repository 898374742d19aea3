"""The tables of schema `basket`."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
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

idempotency = kept_answers(metadata)
