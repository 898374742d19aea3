"""The tables of schema `store`."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from eatit.kept_answers import kept_answers

metadata = MetaData(schema="store")


def _told() -> list[Column]:  # type: ignore[type-arg]
    """What every entity tells of its changes."""
    return [
        Column("version", Integer, nullable=False, server_default="1"),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    ]


units = Table(
    "units",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("translations", JSONB, nullable=False, server_default="{}"),
    Column("dimension", Text, nullable=False),
    Column("factor", Numeric, nullable=False),
    Column("cefact_code", Text),  # UN/CEFACT Recommendation 20
    *_told(),
)

categories = Table(
    "categories",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("slug", Text, nullable=False, unique=True),
    Column("translations", JSONB, nullable=False, server_default="{}"),
    Column("parent_id", Uuid, ForeignKey("store.categories.id"), index=True),
    Column("position", Integer, nullable=False, server_default="0"),
    *_told(),
)

warehouses = Table(
    "warehouses",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("translations", JSONB, nullable=False, server_default="{}"),
    Column("address", Text, nullable=False),
    Column("latitude", Double),
    Column("longitude", Double),
    Column("active", Boolean, nullable=False, server_default="true"),
    *_told(),
)

products = Table(
    "products",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("sku", Text, nullable=False, unique=True),
    Column("barcode", Text, unique=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text(collation="C"), nullable=False),  # made by catalogue.name_key: sorts alike everywhere
    Column("description", Text),
    Column("composition", Text),
    Column("storage_conditions", Text),
    Column("translations", JSONB, nullable=False, server_default="{}"),
    Column("category_id", Uuid, ForeignKey(categories.c.id), nullable=False, index=True),
    Column("unit_id", Uuid, ForeignKey(units.c.id), nullable=False, index=True),
    Column("pack_size", Numeric, nullable=False),
    Column("quantity_step", Numeric(12, 3), nullable=False),
    Column("min_quantity", Numeric(12, 3), nullable=False),
    Column("max_quantity", Numeric(12, 3)),
    Column("low_stock_at", Numeric(12, 3)),
    Column("price_amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("sold_by", Text, nullable=False),
    Column("unit_price_amount", BigInteger, nullable=False),
    Column("unit_price_per", Text, nullable=False),
    Column("nutrition", JSONB),
    Column("allergens", ARRAY(Text), nullable=False, server_default="{}"),
    Column("status", Text, nullable=False),
    Column("photos", JSONB, nullable=False, server_default="[]"),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

# Written by triggers on products: each price, and since when it held.
prices = Table(
    "prices",
    metadata,
    Column("product_id", Uuid, ForeignKey(products.c.id), primary_key=True),
    Column("since", DateTime(timezone=True), primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
)

stock = Table(
    "stock",
    metadata,
    Column("product_id", Uuid, ForeignKey(products.c.id), primary_key=True),
    Column("warehouse_id", Uuid, ForeignKey(warehouses.c.id), primary_key=True, index=True),
    Column("on_hand", Numeric(14, 3), nullable=False),
    Column("reserved", Numeric(14, 3), nullable=False, server_default="0"),
)

# What was last told of a product's stock: its version, and how much of it was available then.
stock_versions = Table(
    "stock_versions",
    metadata,
    Column("product_id", Uuid, ForeignKey(products.c.id), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("available", Numeric(14, 3), nullable=False, server_default="0"),
)

# The ledger that balances are made by: it only grows, and a trigger refuses the rest to everybody.
movements = Table(
    "movements",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("kind", Text, nullable=False),
    Column("product_id", Uuid, ForeignKey(products.c.id), nullable=False),
    Column("warehouse_id", Uuid, ForeignKey(warehouses.c.id), nullable=False),
    Column("to_warehouse_id", Uuid, ForeignKey(warehouses.c.id)),
    Column("quantity", Numeric(14, 3), nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor_id", Uuid),
    Column("order_id", Uuid),
    Column("trace_id", Text, nullable=False),
    Index("movements_by_product", "product_id", "id"),
    Index("movements_by_warehouse", "warehouse_id", "id"),
    Index("movements_by_to_warehouse", "to_warehouse_id", "id", postgresql_where=text("to_warehouse_id IS NOT NULL")),
)

idempotency = kept_answers(metadata)
