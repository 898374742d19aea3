"""The goods that a chunk of an import means: each row applied to what the rows before it have left."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from eatit.errors import Fault, Invalid
from eatit.identifiers import uuid7
from store.catalogue import columns_of, merged_words, reckoned

WRITTEN = (
    "sku", "barcode", "name", "name_key", "description", "composition", "storage_conditions", "translations",
    "category_id", "unit_id", "pack_size", "quantity_step", "min_quantity", "max_quantity", "low_stock_at",
    "price_amount", "currency", "sold_by", "unit_price_amount", "unit_price_per", "nutrition", "allergens", "status",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a row wants of a product. `given`: the fields as the API's models give them; `category` and `unit` are slug
    or id, code or id; `digest` tells the row from others (see import_known)."""

    number: int
    given: dict[str, Any]
    category: str | None
    unit: str | None
    digest: bytes


@dataclass(slots=True)
class Good:
    """A product on its way: as it will be, and as it stands; `None`: not at all yet. `digest`: of the last row that
    meant it."""

    id: UUID
    whole: dict[str, Any]
    standing: dict[str, Any] | None
    digest: bytes = b""


class Goods:
    """The goods that a chunk means, as the rows so far have made them."""

    def __init__(
        self,
        present: Sequence[Any],
        categories: Sequence[Any],
        units: Sequence[Any],
        required: Sequence[str],
        defaults: dict[str, Any],
    ) -> None:
        self.by_sku: dict[str, Good] = {}
        self.by_barcode: dict[str, Good] = {}
        for row in present:
            standing = {name: getattr(row, name) for name in WRITTEN}
            self._place(Good(row.id, dict(standing), standing))
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
        if good is None:
            good = Good(uuid7(), self._made(given), None)
            became = "created"
            self._place(good)
        else:
            became = self._change(good, given)
        good.digest = wanted.digest
        return became

    def said(self) -> list[tuple[UUID, bytes]]:
        """Products, and the digests of the rows that said last what they are."""
        goods = {id(good): good for good in self.by_sku.values() if good.digest}.values()
        return [(good.id, good.digest) for good in goods]

    def written(self) -> tuple[list[Good], list[Good]]:
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

    def _made(self, given: dict[str, Any]) -> dict[str, Any]:
        whole = columns_of({**self._defaults, **given})
        whole["min_quantity"] = whole.get("min_quantity") or whole["quantity_step"]
        self._reckon(whole)
        return whole

    def _change(self, good: Good, given: dict[str, Any]) -> str:
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

    def _place(self, good: Good) -> None:
        self.by_sku[good.whole["sku"]] = good
        if good.whole["barcode"] is not None:
            self.by_barcode[good.whole["barcode"]] = good


def _in_the_files_words(fault: Fault) -> Fault:
    names = {"/category_id": "/category", "/unit_id": "/unit"}
    return Fault(names.get(fault.pointer, fault.pointer), fault.code, fault.parameters)
