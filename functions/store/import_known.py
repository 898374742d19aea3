"""Rows that a file said before, byte for byte: a product that is still what its row made of it needs no second look.

What is kept of a row is its digest (see import_digests) beside the product's version at that time. Whoever changes the
product, or renames its category, makes it worthless, and the row is read as any other. It may be lost, too: all
that costs is the second look.
"""

from collections.abc import Sequence
from uuid import UUID

from eatit.database import Database, Transaction

# A slug may come to mean another category; a unit's code stands fast while a product has the unit.
_marks = """
    SELECT r.digest, r.product_id FROM store.products p
    JOIN store.imported_rows r ON r.product_id = p.id AND r.version = p.version
    JOIN store.categories c ON c.id = p.category_id AND c.slug = r.category
"""
_known = f"{_marks} WHERE p.sku = ANY(%(skus)s) UNION ALL {_marks} WHERE p.barcode = ANY(%(barcodes)s)"
_remember = """
    INSERT INTO store.imported_rows AS r (product_id, version, digest, category)
    SELECT p.id, p.version, x.digest, c.slug
    FROM unnest(%(products)s::uuid[], %(digests)s::bytea[]) AS x(product_id, digest)
    JOIN store.products p ON p.id = x.product_id JOIN store.categories c ON c.id = p.category_id
    ORDER BY p.id
    ON CONFLICT (product_id) DO UPDATE
        SET version = excluded.version, digest = excluded.digest, category = excluded.category
"""


def known_rows(database: Database, skus: Sequence[str], barcodes: Sequence[str]) -> dict[bytes, UUID]:
    """The digests of the rows that made these products what they still are, and the products. Raises `Unavailable`."""
    if not skus and not barcodes:
        return {}
    rows = database.rows(_known, {"skus": skus, "barcodes": barcodes})
    return {row.digest: row.product_id for row in rows}


def remember(transaction: Transaction, rows: Sequence[tuple[UUID, bytes]]) -> None:
    """Note of products, which this transaction holds, by which rows they were said."""
    products, digests = zip(*rows, strict=True)
    transaction.run(_remember, {"products": list(products), "digests": list(digests)})
