"""Rows of an import made products, a chunk in one transaction: the rules are the catalogue's, the statements are few.

A row's product is the one with its SKU; a row without one means the product with its barcode. Of two rows that mean
one product the later wins. What a row leaves as it was makes neither a version nor an event.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from eatit.database import Transaction
from eatit.errors import Fault, Invalid
from eatit.events import PRODUCT_ARCHIVED, PRODUCT_CHANGED, SCHEMA_VERSION
from eatit.identifiers import uuid7
from eatit.observability import trace_id
from eatit.outbox import event_of
from store.import_goods import WRITTEN, Good, Goods, Wanted
from store.import_known import remember

# So many changes are told at once after the commit; more are the relay's, which is quicker at many.
TOLD_AT_ONCE = 100
_TYPES = {
    "translations": "jsonb", "nutrition": "jsonb", "category_id": "uuid", "unit_id": "uuid", "pack_size": "numeric",
    "quantity_step": "numeric", "min_quantity": "numeric", "max_quantity": "numeric", "low_stock_at": "numeric",
    "price_amount": "bigint", "unit_price_amount": "bigint", "allergens": "text[]",
}  # fmt: skip
_JSON = ("translations", "nutrition")
# One import's chunk after the other: of two that bring the same goods in another order each would wait for the other.
_one_at_a_time = text("SELECT pg_advisory_xact_lock(5720312)")
# Held against other writers alone: a movement or a checkout, which refer to the goods, wait for none of them. Else the
# import would wait for the movement, that for the checkout's stock, and the checkout for the import.
_present = f"""
    SELECT id, {", ".join(WRITTEN)} FROM store.products
    WHERE sku = ANY(%(skus)s) OR barcode = ANY(%(barcodes)s) ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608
_categories = """
    SELECT id, slug AS word FROM store.categories
    WHERE slug = ANY(%(words)s) OR id = ANY(%(ids)s::uuid[]) ORDER BY id FOR KEY SHARE
"""
_units = """
    SELECT id, code AS word, dimension, factor FROM store.units
    WHERE code = ANY(%(words)s) OR id = ANY(%(ids)s::uuid[]) ORDER BY id FOR KEY SHARE
"""
_insert = f"COPY store.products (id, {', '.join(WRITTEN)}) FROM STDIN"
_update = f"""
    UPDATE store.products p
    SET {", ".join(f"{name} = x.{name}" for name in WRITTEN)}, version = p.version + 1, updated_at = now()
    FROM json_to_recordset(%(rows)s::json)
        AS x(id uuid, {", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in WRITTEN)})
    WHERE p.id = x.id
"""  # noqa: S608
_announce = f"""
    INSERT INTO events.outbox (id, type, schema_version, aggregate_id, version, trace_id, state)
    SELECT x.event, CASE p.status WHEN 'archived' THEN '{PRODUCT_ARCHIVED}' ELSE '{PRODUCT_CHANGED}' END,
        {SCHEMA_VERSION}, p.id, p.version, %(trace)s, s.state
    FROM unnest(%(events)s::uuid[], %(products)s::uuid[]) AS x(event, product)
    JOIN store.products p ON p.id = x.product
    JOIN store.states_of_products(%(products)s::uuid[]) s ON s.product_id = x.product
"""  # noqa: S608
_announce_and_tell = _announce + " RETURNING *"


@dataclass(slots=True)
class Outcome:
    """What became of a chunk. `refused`: what is wrong with rows, by their numbers; `changed`: the products that were
    there before and are no longer as they were."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[int, list[Fault]]] = field(default_factory=list)
    changed: list[UUID] = field(default_factory=list)


class Entangled(Exception):
    """A row means a product that another, known row says nothing new of: their order matters."""


def upsert(
    transaction: Transaction,
    rows: Sequence[Wanted],
    *,
    required: Sequence[str],
    defaults: dict[str, Any],
    dry_run: bool = False,
    known: Collection[UUID] = (),
) -> Outcome:
    """Make and change what the rows want, with the events of it; on a `dry_run` only say what would become of them.

    `required` and `defaults` are of a new product's fields; `known`: products of rows between these that say nothing
    new. Raises `Entangled` when these rows mean one of them, and psycopg's `UniqueViolation` or
    `ForeignKeyViolation` when somebody else wrote the same at this very moment: then it is to be tried again.
    """
    if not rows:
        return Outcome()
    transaction.execute(_one_at_a_time)
    chunk = _goods(transaction, rows, required, defaults)
    if known and not chunk.ids.isdisjoint(known):
        raise Entangled
    outcome = Outcome()
    for row in rows:
        try:
            became = chunk.take(row)
        except Invalid as error:
            outcome.refused.append((row.number, error.faults))
            continue
        setattr(outcome, became, getattr(outcome, became) + 1)
    made, changed = chunk.written()
    outcome.changed = [good.id for good in changed]
    if not dry_run:
        _write(transaction, made, changed)
        if said := chunk.said():
            remember(transaction, said)
    return outcome


def _goods(
    transaction: Transaction, rows: Sequence[Wanted], required: Sequence[str], defaults: dict[str, Any]
) -> Goods:
    barcodes = sorted({row.given["barcode"] for row in rows if row.given.get("barcode")})
    skus = {row.given["sku"] for row in rows if row.given.get("sku")}
    skus |= {row.given["barcode"] for row in rows if not row.given.get("sku") and row.given.get("barcode")}
    present = transaction.rows(_present, {"skus": sorted(skus), "barcodes": barcodes})
    category_words = {row.category for row in rows if row.category is not None}
    unit_words = {row.unit for row in rows if row.unit is not None}
    category_ids = _ids(category_words) | {row.category_id for row in present}
    unit_ids = _ids(unit_words) | {row.unit_id for row in present}
    categories = transaction.rows(_categories, {"words": sorted(category_words), "ids": sorted(category_ids)})
    units = transaction.rows(_units, {"words": sorted(unit_words), "ids": sorted(unit_ids)})
    return Goods(present, categories, units, required, defaults)


def _ids(words: Iterable[str]) -> set[UUID]:
    found = set()
    for word in words:
        if len(word) == 36:
            try:
                found.add(UUID(word))
            except ValueError:
                continue
    return found


def _write(transaction: Transaction, made: list[Good], changed: list[Good]) -> None:
    if made:
        transaction.copy(_insert, ([good.id, *map(_copied, _values(good))] for good in made))
    if changed:
        rows = [{"id": good.id, **dict(zip(WRITTEN, _values(good), strict=True))} for good in changed]
        transaction.run(_update, {"rows": orjson.dumps(rows, default=str).decode()})
    ids = [good.id for good in (*made, *changed)]
    if not ids:
        return
    given = {"events": [uuid7() for _ in ids], "products": ids, "trace": trace_id()}
    if len(ids) > TOLD_AT_ONCE:
        transaction.run(_announce, given)
        return
    transaction.events += [event_of(row) for row in transaction.rows(_announce_and_tell, given)]


def _values(good: Good) -> list[Any]:
    return [good.whole[name] for name in WRITTEN]


def _copied(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict) else value
