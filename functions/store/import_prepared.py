"""What a chunk's rows make of the goods as they stand: worked out at a look without locks, or under them.

A look costs no writer anything, and the work on it can be done while the chunk before is written. Whether the goods
still stand as they were seen is told by their versions once they are locked.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from eatit.database import Transaction
from eatit.errors import Fault, Invalid
from store.import_goods import WRITTEN, Good, Goods, Wanted

Look = Callable[[str, Mapping[str, Any]], Sequence[Any]]

_PRODUCTS = "FROM store.products WHERE sku = ANY(%(skus)s) OR barcode = ANY(%(barcodes)s) ORDER BY id"
_present = f"SELECT id, version, {', '.join(WRITTEN)} {_PRODUCTS}"
_versions = f"SELECT id, version {_PRODUCTS}"
_categories = """
    SELECT id, slug AS word FROM store.categories WHERE slug = ANY(%(words)s) OR id = ANY(%(ids)s::uuid[]) ORDER BY id
"""
_units = """
    SELECT id, code AS word, dimension, factor FROM store.units
    WHERE code = ANY(%(words)s) OR id = ANY(%(ids)s::uuid[]) ORDER BY id
"""
# Held against other writers alone: a movement or a checkout, which refer to the goods, wait for none of them. Else the
# import would wait for the movement, that for the checkout's stock, and the checkout for the import.
_HOLD_PRODUCTS = " FOR NO KEY UPDATE"
_HOLD_NAMED = " FOR KEY SHARE"


@dataclass(slots=True)
class Outcome:
    """What became of a chunk. `refused`: what is wrong with rows, by their numbers; `changed`: the products that were
    there before and are no longer as they were."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[int, list[Fault]]] = field(default_factory=list)
    changed: list[UUID] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Seen:
    """What rows mean, and how it stood: products with their versions, categories and units."""

    codes: dict[str, list[str]]
    category_words: dict[str, list[Any]]
    unit_words: dict[str, list[Any]]
    stood: tuple[list[Any], list[Any], list[Any]]

    @property
    def ids(self) -> set[UUID]:
        """Of the products that were there."""
        return {product_id for product_id, _ in self.stood[0]}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to be written, and what came of the rows if it is: `made`, rows of products to be; `changes`, a JSON
    array of products to become; `ids` of both; `said`, products and the digests of the rows that said them last."""

    seen: Seen
    outcome: Outcome
    made: list[list[Any]]
    changes: str | None
    ids: list[UUID]
    said: list[tuple[UUID, bytes]]


def prepare(
    look: Look, rows: Sequence[Wanted], *, required: Sequence[str], defaults: dict[str, Any], hold: bool = False
) -> Prepared:
    """Apply the rows, in their order, to the goods that they mean. `required` and `defaults` are of a new product's
    fields; `hold` locks what is seen, which takes a transaction."""
    goods, seen = _seen(look, rows, required, defaults, hold)
    outcome = Outcome()
    for row in rows:
        try:
            became = goods.take(row)
        except Invalid as error:
            outcome.refused.append((row.number, error.faults))
            continue
        setattr(outcome, became, getattr(outcome, became) + 1)
    made, changed = goods.written()
    outcome.changed = [good.id for good in changed]
    return Prepared(
        seen,
        outcome,
        [[good.id, *map(_copied, _values(good))] for good in made],
        _changes(changed) if changed else None,
        [good.id for good in (*made, *changed)],
        goods.said(),
    )


def held_as_seen(transaction: Transaction, seen: Seen) -> bool:
    """Lock what was seen, and say whether it still stands so."""
    products, categories, units = seen.stood
    return (
        _plain(transaction.rows(_versions + _HOLD_PRODUCTS, seen.codes)) == products
        and _plain(transaction.rows(_categories + _HOLD_NAMED, seen.category_words)) == categories
        and _plain(transaction.rows(_units + _HOLD_NAMED, seen.unit_words)) == units
    )


def _seen(
    look: Look, rows: Sequence[Wanted], required: Sequence[str], defaults: dict[str, Any], hold: bool
) -> tuple[Goods, Seen]:
    barcodes = {row.given["barcode"] for row in rows if row.given.get("barcode")}
    skus = {row.given["sku"] for row in rows if row.given.get("sku")}
    skus |= {row.given["barcode"] for row in rows if not row.given.get("sku") and row.given.get("barcode")}
    codes = {"skus": sorted(skus), "barcodes": sorted(barcodes)}
    products = look(_present + _HOLD_PRODUCTS * hold, codes)
    category_words = _words((row.category for row in rows), (row.category_id for row in products))
    unit_words = _words((row.unit for row in rows), (row.unit_id for row in products))
    categories = look(_categories + _HOLD_NAMED * hold, category_words)
    units = look(_units + _HOLD_NAMED * hold, unit_words)
    versions = [(row.id, row.version) for row in products]
    seen = Seen(codes, category_words, unit_words, (versions, _plain(categories), _plain(units)))
    return Goods(products, categories, units, required, defaults), seen


def _words(told: Iterable[str | None], standing: Iterable[UUID]) -> dict[str, list[Any]]:
    words = {word for word in told if word is not None}
    ids = set(standing)
    for word in words:
        if len(word) == 36:
            try:
                ids.add(UUID(word))
            except ValueError:
                continue
    return {"words": sorted(words), "ids": sorted(ids)}


def _plain(rows: Sequence[Any]) -> list[Any]:
    return [tuple(row) for row in rows]


def _changes(changed: list[Good]) -> str:
    rows = [{"id": good.id, **dict(zip(WRITTEN, _values(good), strict=True))} for good in changed]
    return orjson.dumps(rows, default=str).decode()


def _values(good: Good) -> list[Any]:
    return [good.whole[name] for name in WRITTEN]


def _copied(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict) else value
