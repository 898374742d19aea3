"""The tables of schema `store`."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

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
    Index("products_by_name", "name_key", "id"),
    Index("products_by_price", "price_amount", "id", postgresql_include=["status", "name_key"]),
    Index("products_by_unit_price", "unit_price_amount", "id"),
    Index("products_by_age", "created_at", "id"),
    Index("products_by_status", "status", "name_key", "id", postgresql_include=["price_amount"]),
    Index("products_by_category", "category_id", "status", "name_key", "id", postgresql_include=["price_amount"]),
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

# What orders hold, written by store.reserve, release and sell alone.
reservations = Table(
    "reservations",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("warehouse_id", Uuid, ForeignKey(warehouses.c.id), index=True),
    Column("state", Text, nullable=False, server_default="reserved"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_at", DateTime(timezone=True)),
)

reserved_lines = Table(
    "reserved_lines",
    metadata,
    Column("order_id", Uuid, ForeignKey(reservations.c.order_id, ondelete="CASCADE"), primary_key=True),
    Column("product_id", Uuid, ForeignKey(products.c.id), primary_key=True, index=True),
    Column("quantity", Numeric(12, 3), nullable=False),
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

# Uploads of photos that were promised, and what came of them; what stands is in products.photos.
photo_uploads = Table(
    "photo_uploads",
    metadata,
    Column("id", Uuid, primary_key=True),  # the photo's too
    Column("product_id", Uuid, ForeignKey(products.c.id), nullable=False, index=True),
    Column("key", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("reason", Text),
    Column("claimed_until", DateTime(timezone=True)),  # somebody is at work on it
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_at", DateTime(timezone=True)),
    Index("photo_uploads_unfinished", "created_at", postgresql_where=text("state <> 'done'")),
)

# Runs of imports; what moves them on is in `place` (bytes of the text) and `rows`, and `holder` is who moves them now.
imports = Table(
    "imports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("status", Text, nullable=False, server_default="waiting"),
    Column("reason", Text),
    Column("content_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("mapping", JSONB, nullable=False),
    Column("form", JSONB),  # how the file is written, found at its beginning
    Column("place", BigInteger, nullable=False, server_default="0"),
    Column("bytes_read", BigInteger, nullable=False, server_default="0"),
    Column("rows", BigInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False, server_default="0"),
    Column("updated", BigInteger, nullable=False, server_default="0"),
    Column("unchanged", BigInteger, nullable=False, server_default="0"),
    Column("failed", BigInteger, nullable=False, server_default="0"),
    Column("faults", BigInteger, nullable=False, server_default="0"),
    Column("turn", BigInteger, nullable=False, server_default="0"),
    Column("holder", Uuid),
    Column("actor_id", Uuid, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("finished_at", DateTime(timezone=True)),
    Index("imports_by_age", "created_at"),
)

import_errors = Table(
    "import_errors",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("import_id", Uuid, ForeignKey(imports.c.id, ondelete="CASCADE"), nullable=False),
    Column("row", BigInteger, nullable=False),
    Column("column", Text),
    Column("code", Text, nullable=False),
    Column("parameters", JSONB, nullable=False),
    Index("import_errors_by_import", "import_id", "id"),
    Index("import_errors_by_age", "at"),
)

# Of what row a file made a product last, and its category's slug then; see import_known.
imported_rows = Table(
    "imported_rows",
    metadata,
    Column("product_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("category", Text, nullable=False),
)

exports = Table(
    "exports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("status", Text, nullable=False, server_default="running"),
    Column("reason", Text),
    Column("rows", BigInteger, nullable=False, server_default="0"),
    Column("after_id", Uuid),
    Column("upload_id", Text),
    Column("parts", JSONB, nullable=False, server_default="[]"),  # [number, tag]
    Column("numbers", Integer, nullable=False, server_default="0"),  # of parts, that some holder may have used
    Column("turn", BigInteger, nullable=False, server_default="0"),
    Column("holder", Uuid),
    Column("actor_id", Uuid, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("finished_at", DateTime(timezone=True)),
    Index("exports_by_age", "created_at"),
)

# What is searched, kept by triggers on products; see migration 0011.
search_texts = Table(
    "search_texts",
    metadata,
    Column("product_id", Uuid, ForeignKey(products.c.id, ondelete="CASCADE"), primary_key=True),
    Column("name_key", Text(collation="C"), nullable=False),
    Column("other_key", Text(collation="C")),  # of the name in the other language
    Column("document", TSVECTOR, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("category_id", Uuid, nullable=False),
    Column("price_amount", BigInteger, nullable=False),
    Column("allergens", ARRAY(Text), nullable=False),
    Index("search_texts_by_document", "document", postgresql_using="gin"),
    Index(
        "search_texts_sample",
        "document",
        postgresql_using="gin",
        postgresql_where=text("get_byte(uuid_send(product_id), 15) < 32"),
    ),
    Index("search_texts_by_name", "name_key", "product_id", postgresql_where=text("active")),
    Index(
        "search_texts_by_other_name",
        "other_key",
        "product_id",
        postgresql_where=text("active AND other_key IS NOT NULL"),
    ),
)

# The words of all names, for suggestions and corrections: how many products have it, about, and some that do.
search_words = Table(
    "search_words",
    metadata,
    Column("word", Text(collation="C"), primary_key=True),
    Column("spelling", Text, nullable=False),
    Column("products", Integer, nullable=False),
    Column("examples", ARRAY(Uuid), nullable=False),
    Index(
        "search_words_by_spelling",
        "spelling",
        postgresql_using="gin",
        postgresql_ops={"spelling": "gin_trgm_ops"},
    ),
    Index("search_words_by_start", text('"left"(word, 2)'), text("products DESC"), "word"),
)

idempotency = kept_answers(metadata)
