"""Rows of an import made products, a chunk in one transaction: the rules are the catalogue's, the statements are few.

A row's product is the one with its SKU; a row without one means the product with its barcode. Of two rows that mean
one product the later wins. What a row leaves as it was makes neither a version nor an event.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from eatit.database import Transaction
from eatit.events import PRODUCT_ARCHIVED, PRODUCT_CHANGED, SCHEMA_VERSION
from eatit.identifiers import uuid7
from eatit.observability import trace_id
from eatit.outbox import event_of
from store.import_goods import WRITTEN, Wanted
from store.import_known import remember
from store.import_prepared import Outcome, Prepared, held_as_seen, prepare

# So many changes are told at once after the commit; more are the relay's, which is quicker at many.
TOLD_AT_ONCE = 100
_TYPES = {
    "translations": "jsonb", "nutrition": "jsonb", "category_id": "uuid", "unit_id": "uuid", "pack_size": "numeric",
    "quantity_step": "numeric", "min_quantity": "numeric", "max_quantity": "numeric", "low_stock_at": "numeric",
    "price_amount": "bigint", "unit_price_amount": "bigint", "allergens": "text[]",
}  # fmt: skip
# One import's chunk after the other: of two that bring the same goods in another order each would wait for the other.
_one_at_a_time = text("SELECT pg_advisory_xact_lock(5720312)")
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
    prepared: Prepared | None = None,
) -> Outcome:
    """Make and change what the rows want, with the events of it; on a `dry_run` only say what would become of them.

    `required` and `defaults` are of a new product's fields; `known`: products of rows between these that say nothing
    new; `prepared`: what a look at the same rows has worked out, which holds if nobody changed what it saw. Raises
    `Entangled` when these rows mean a known one, and psycopg's `UniqueViolation` or `ForeignKeyViolation` when
    somebody else wrote the same at this very moment: then it is to be tried again.
    """
    if not rows:
        return Outcome()
    transaction.execute(_one_at_a_time)
    if prepared is None or not held_as_seen(transaction, prepared.seen):
        prepared = prepare(transaction.rows, rows, required=required, defaults=defaults, hold=True)
    if known and not prepared.seen.ids.isdisjoint(known):
        raise Entangled
    if not dry_run:
        _write(transaction, prepared)
        if prepared.said:
            remember(transaction, prepared.said)
    return prepared.outcome


def _write(transaction: Transaction, prepared: Prepared) -> None:
    ids = prepared.ids
    if not ids:
        return
    if prepared.made:
        transaction.copy(_insert, prepared.made)
    if prepared.changes:
        transaction.run(_update, {"rows": prepared.changes})
    given = {"events": [uuid7() for _ in ids], "products": ids, "trace": trace_id()}
    if len(ids) > TOLD_AT_ONCE:
        transaction.run(_announce, given)
        return
    transaction.events += [event_of(row) for row in transaction.rows(_announce_and_tell, given)]
