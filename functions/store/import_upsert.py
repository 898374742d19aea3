"""Rows of an import made products, a chunk in one transaction: the rules are the catalogue's, the statements are few.

A row's product is the one with its SKU; a row without one means the product with its barcode. Of two rows that mean
one product the later wins. What a row leaves as it was makes neither a version nor an event.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row as DatabaseRow
from sqlalchemy import text

from eatit.database import Transaction
from eatit.errors import Fault, Invalid
from eatit.events import PRODUCT_ARCHIVED, PRODUCT_CHANGED, SCHEMA_VERSION, Event
from eatit.identifiers import uuid7
from eatit.observability import trace_id
from store.catalogue import columns_of, merged_words, reckoned

# So many changes are told at once after the commit; more are the relay's, which is quicker at many.
TOLD_AT_ONCE = 100
WRITTEN = (
    "sku", "barcode", "name", "name_key", "description", "composition", "storage_conditions", "translations",
    "category_id", "unit_id", "pack_size", "quantity_step", "min_quantity", "max_quantity", "low_stock_at",
    "price_amount", "currency", "sold_by", "unit_price_amount", "unit_price_per", "nutrition", "allergens", "status",
)  # fmt: skip
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
        {SCHEMA_VERSION}, p.id, p.version, %(trace)s, store.state_of_product(p.id)
    FROM unnest(%(events)s::uuid[], %(products)s::uuid[]) AS x(event, product)
    JOIN store.products p ON p.id = x.product
"""  # noqa: S608
_announce_and_tell = _announce + " RETURNING id, type, aggregate_id, version, occurred_at, state"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a row wants of a product. `given`: the fields as the API's models give them; `category` and `unit` are slug
    or id, code or id."""

    number: int
    given: dict[str, Any]
    category: str | None
    unit: str | None


@dataclass(slots=True)
class Outcome:
    """What became of a chunk. `refused`: what is wrong with rows, by their numbers; `changed`: the products that were
    there before and are no longer as they were."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[int, list[Fault]]] = field(default_factory=list)
    changed: list[UUID] = field(default_factory=list)


@dataclass(slots=True)
class _Good:
    """A product on its way: as it will be, and as it stands; `None`: not at all yet."""

    id: UUID
    whole: dict[str, Any]
    standing: dict[str, Any] | None


class _Chunk:
    """The goods that a chunk means, as the rows so far have made them."""

    def __init__(
        self,
        present: Sequence[Any],
        categories: Sequence[Any],
        units: Sequence[Any],
        required: Sequence[str],
        defaults: dict[str, Any],
    ) -> None:
        self.by_sku: dict[str, _Good] = {}
        self.by_barcode: dict[str, _Good] = {}
        for row in present:
            standing = {name: getattr(row, name) for name in WRITTEN}
            self._place(_Good(row.id, dict(standing), standing))
        self._categories = {word: row.id for row in categories for word in (row.word, str(row.id))}
        self._category_ids = {row.id for row in categories}
        self._units = {word: row for row in units for word in (row.word, str(row.id))}
        self._units_by_id = {row.id: row for row in units}
        self._required = required
        self._defaults = defaults

    def take(self, wanted: Wanted) -> str:
        """Apply a row → `created`, `updated` or `unchanged`. Raises `Invalid`, which leaves everything as it was."""
        given = dict(wanted.given)
        faults = self._named(wanted, given)
        sku, barcode = given.get("sku"), given.get("barcode")
        good = self.by_sku.get(sku) if sku else self.by_barcode.get(barcode or "")
        if good is None and not sku:
            if not barcode:
                raise Invalid([*faults, Fault("/sku", "missing")])
            sku = given["sku"] = barcode
            if sku in self.by_sku:
                raise Invalid([*faults, Fault("/sku", "sku_taken")])
        other = self.by_barcode.get(barcode) if barcode else None
        if other is not None and other is not good:
            faults.append(Fault("/barcode", "barcode_taken"))
        if good is None:
            faults += [Fault(f"/{name}", "missing") for name in self._required if name not in given]
        if faults:
            raise Invalid([_in_the_files_words(fault) for fault in faults])
        return self._make(given) if good is None else self._change(good, given)

    def written(self) -> tuple[list[_Good], list[_Good]]:
        """The goods to be made and those to be changed."""
        goods = sorted({id(good): good for good in self.by_sku.values()}.values(), key=lambda good: good.id)
        made = [good for good in goods if good.standing is None]
        return made, [good for good in goods if good.standing is not None and good.whole != good.standing]

    def _named(self, wanted: Wanted, given: dict[str, Any]) -> list[Fault]:
        faults = []
        if wanted.category is not None:
            found = self._categories.get(wanted.category)
            if found is None:
                faults.append(Fault("/category", "unknown_reference", {"what": ("category", "категория")}))
            given["category_id"] = found
        if wanted.unit is not None:
            unit = self._units.get(wanted.unit)
            if unit is None:
                what = ("unit", "единица измерения")
                faults.append(Fault("/unit", "unknown_reference", {"what": what}))
            given["unit_id"] = unit and unit.id
        return faults

    def _make(self, given: dict[str, Any]) -> str:
        whole = columns_of({**self._defaults, **given})
        whole["min_quantity"] = whole.get("min_quantity") or whole["quantity_step"]
        self._reckon(whole)
        self._place(_Good(uuid7(), whole, None))
        return "created"

    def _change(self, good: _Good, given: dict[str, Any]) -> str:
        if "translations" in given:
            given["translations"] = merged_words(good.whole["translations"], given["translations"])
        if "nutrition" in given and given["nutrition"] is None and not any((good.whole["nutrition"] or {}).values()):
            del given["nutrition"]  # a file can't tell no nutrition from nutrition of which nothing is known
        changes = {name: value for name, value in columns_of(given).items() if good.whole[name] != value}
        if not changes:
            return "unchanged"
        whole = {**good.whole, **changes}
        self._reckon(whole)
        if good.whole["barcode"] is not None:
            self.by_barcode.pop(good.whole["barcode"], None)
        good.whole = whole
        self._place(good)
        return "updated"

    def _reckon(self, whole: dict[str, Any]) -> None:
        known = whole["category_id"] in self._category_ids
        try:
            whole.update(reckoned(whole, self._units_by_id.get(whole["unit_id"]), category_known=known))
        except Invalid as error:
            raise Invalid([_in_the_files_words(fault) for fault in error.faults]) from None

    def _place(self, good: _Good) -> None:
        self.by_sku[good.whole["sku"]] = good
        if good.whole["barcode"] is not None:
            self.by_barcode[good.whole["barcode"]] = good


def _in_the_files_words(fault: Fault) -> Fault:
    names = {"/category_id": "/category", "/unit_id": "/unit"}
    return Fault(names.get(fault.pointer, fault.pointer), fault.code, fault.parameters)


def upsert(
    transaction: Transaction,
    rows: Sequence[Wanted],
    *,
    required: Sequence[str],
    defaults: dict[str, Any],
    dry_run: bool = False,
) -> Outcome:
    """Make and change what the rows want, with the events of it; on a `dry_run` only say what would become of them.

    `required` and `defaults` are of a new product's fields. Raises psycopg's `UniqueViolation` or
    `ForeignKeyViolation` when somebody else wrote the same at this very moment: then it is to be tried again.
    """
    transaction.execute(_one_at_a_time)
    chunk = _chunk(transaction, rows, required, defaults)
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
    return outcome


def _chunk(
    transaction: Transaction, rows: Sequence[Wanted], required: Sequence[str], defaults: dict[str, Any]
) -> _Chunk:
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
    return _Chunk(present, categories, units, required, defaults)


def _ids(words: Iterable[str]) -> set[UUID]:
    found = set()
    for word in words:
        if len(word) == 36:
            try:
                found.add(UUID(word))
            except ValueError:
                continue
    return found


def _write(transaction: Transaction, made: list[_Good], changed: list[_Good]) -> None:
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
    transaction.events.extend(_event(row) for row in transaction.rows(_announce_and_tell, given))


def _values(good: _Good) -> list[Any]:
    return [good.whole[name] for name in WRITTEN]


def _copied(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict) else value


def _event(row: DatabaseRow[Any]) -> Event:
    return Event(
        row.id,
        row.type,
        SCHEMA_VERSION,
        row.aggregate_id,
        row.version,
        row.occurred_at,
        trace_id(),
        row.state,
    )
