"""The catalogue: products made, changed and found; `store.listing` lists them."""

import unicodedata
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, exists, func, insert, select, update
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Exists

from eatit.database import Database, Transaction, refusing
from eatit.errors import Conflict, Fault, Invalid, NotFound, check_version
from eatit.events import PRODUCT_ARCHIVED, PRODUCT_CHANGED
from eatit.identifiers import uuid7
from eatit.money import decimal_text
from eatit.outbox import emit
from store.categories import CATEGORY
from store.tables import categories, products, stock, units, warehouses
from store.units import DIMENSIONS, FITTING, UNIT, unit_price

Product = Row[Any]
NUTRIENTS = (
    "energy_kcal",
    "protein_g",
    "fat_g",
    "saturated_fat_g",
    "carbohydrate_g",
    "sugar_g",
    "fiber_g",
    "salt_g",
)


def in_stock_of(product_id: ColumnElement[Any]) -> Exists:
    """Whether some open warehouse has any of the product in this column."""
    return exists(
        select(1)
        .where(
            stock.c.product_id == product_id,
            stock.c.on_hand > stock.c.reserved,
            stock.c.warehouse_id == warehouses.c.id,
            warehouses.c.active,
        )
        .correlate_except(stock, warehouses)
    )


SOLD = select(products, units.c.code.label("unit"), in_stock_of(products.c.id).label("available")).join(
    units, units.c.id == products.c.unit_id
)
_one = SOLD.where(products.c.id == bindparam("id"))
_by_barcode = SOLD.where(products.c.barcode.in_(bindparam("spellings", expanding=True)))
# Against other writers alone: movements and checkouts, which refer to the product, don't wait, and so in no circle.
_one_locked = select(products).where(products.c.id == bindparam("id")).with_for_update(key_share=True)
_category = select(categories.c.id).where(categories.c.id == bindparam("id")).with_for_update(key_share=True, read=True)
_unit_of = (
    select(units.c.dimension, units.c.factor)
    .where(units.c.id == bindparam("id"))
    .with_for_update(key_share=True, read=True)
)
_constraints = {
    "products_sku_key": Conflict("sku_taken"),
    "products_barcode_key": Conflict("barcode_taken"),
    "products_category_id_fkey": Invalid([Fault("/category_id", "unknown_reference", {"what": CATEGORY})]),
    "products_unit_id_fkey": Invalid([Fault("/unit_id", "unknown_reference", {"what": UNIT})]),
}
LONGEST_KEY = 300


def name_key(name: str) -> str:
    """What names are sorted by, the same on every Postgres: NFKC, case folded, ё as е.

    NFKC makes up to 18 characters of one; what is beyond a name's own length would fit neither index nor cursor.
    """
    return unicodedata.normalize("NFKC", name).casefold().replace("ё", "е")[:LONGEST_KEY]


def product_by_id(database: Database, product_id: UUID, *, staff: bool) -> Product:
    """The product; for anyone but staff active ones only. Raises `NotFound`."""
    row = database.read(_one, {"id": product_id}).one_or_none()
    if row is None or (row.status != "active" and not staff):
        raise NotFound("product_not_found")
    return row


def product_by_barcode(database: Database, barcode: str, *, staff: bool) -> Product:
    """The product with this GTIN, however many leading zeros either is written with; for anyone but staff active ones
    only. Raises `NotFound`."""
    bare = barcode.lstrip("0")
    spellings = sorted({bare.zfill(length) for length in (8, 12, 13, 14) if len(bare) <= length})
    rows = database.read(_by_barcode, {"spellings": spellings}).all()
    for row in sorted(rows, key=lambda row: row.barcode != barcode):
        if row.status == "active" or staff:
            return row
    raise NotFound("product_not_found")


def create_product(transaction: Transaction, given: dict[str, Any]) -> Product:
    """Make a product and its event. Raises `Conflict` (`sku_taken`, `barcode_taken`), `Invalid`."""
    values = columns_of(given)
    values.setdefault("pack_size", 1)
    values.setdefault("quantity_step", 1)
    values["min_quantity"] = values.get("min_quantity") or values["quantity_step"]
    values.setdefault("max_quantity", None)
    values.update(_reckoned(transaction, values))
    with refusing(_constraints):
        product_id = transaction.execute(
            insert(products).values(id=uuid7(), **values).returning(products.c.id)
        ).scalar_one()
    return announced(transaction, product_id)


def change_product(
    transaction: Transaction, product_id: UUID, given: dict[str, Any], expected: list[int] | None
) -> Product:
    """Change a product and write its event.

    Raises `NotFound`, `Stale`, `Conflict` (`sku_taken`, `barcode_taken`), `Invalid`.
    """
    row = transaction.execute(_one_locked, {"id": product_id}).one_or_none()
    if row is None:
        raise NotFound("product_not_found")
    check_version(row.version, expected)
    if "translations" in given:
        given = {**given, "translations": merged_words(row.translations, given["translations"])}
    changes = {name: value for name, value in columns_of(given).items() if row._mapping[name] != value}
    if not changes:
        return transaction.execute(_one, {"id": product_id}).one()
    whole = {**row._mapping, **changes}
    changes.update(_reckoned(transaction, whole))
    statement = (
        update(products)
        .where(products.c.id == product_id)
        .values(**changes, version=products.c.version + 1, updated_at=func.now())
    )
    with refusing(_constraints):
        transaction.execute(statement)
    return announced(transaction, product_id)


def announced(transaction: Transaction, product_id: UUID) -> Product:
    """The product as this transaction left it, its event written."""
    row = transaction.execute(_one, {"id": product_id}).one()
    event_type = PRODUCT_ARCHIVED if row.status == "archived" else PRODUCT_CHANGED
    emit(transaction, event_type, product_id, row.version, func.store.state_of_product(product_id))
    return row


def columns_of(given: dict[str, Any]) -> dict[str, Any]:
    """The body's fields as columns: money apart, nutrition as texts, the name's sort key beside the name."""
    values = dict(given)
    if "price" in values:
        price = values.pop("price")
        values.update(price_amount=price["amount"], currency=price["currency"])
    if "name" in values:
        values["name_key"] = name_key(values["name"])
    if values.get("nutrition") is not None:
        parts = {name: values["nutrition"].get(name) for name in NUTRIENTS}
        values["nutrition"] = {name: None if part is None else decimal_text(part) for name, part in parts.items()}
    if "translations" in values:
        told = {
            language: {name: word for name, word in words.items() if word is not None}
            for language, words in values["translations"].items()
        }
        values["translations"] = {language: words for language, words in told.items() if words}
    if "allergens" in values:
        values["allergens"] = sorted(set(values["allergens"]))
    return values


def merged_words(present: dict[str, dict[str, Any]], given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The words that a PATCH gives join those that stand; null takes one away."""
    languages = dict.fromkeys([*present, *given])
    return {language: {**present.get(language, {}), **given.get(language, {})} for language in languages}


def _reckoned(transaction: Transaction, whole: dict[str, Any]) -> dict[str, Any]:
    """What follows from the rest (the unit price), after the checks that need the whole product."""
    category = transaction.execute(_category, {"id": whole["category_id"]}).one_or_none()
    unit = transaction.execute(_unit_of, {"id": whole["unit_id"]}).one_or_none()
    return reckoned(whole, unit, category_known=category is not None)


def reckoned(whole: dict[str, Any], unit: Row[Any] | None, *, category_known: bool) -> dict[str, Any]:
    """The unit price of a whole product. `unit`: what its `unit_id` names, with `dimension` and `factor`, if anything.

    Raises `Invalid` for parts that don't go together.
    """
    faults: list[Fault] = []
    if not category_known:
        faults.append(Fault("/category_id", "unknown_reference", {"what": CATEGORY}))
    if unit is None:
        faults.append(Fault("/unit_id", "unknown_reference", {"what": UNIT}))
    elif unit.dimension not in FITTING[whole["sold_by"]]:
        faults.append(Fault("/unit_id", "wrong_dimension", {"dimension": DIMENSIONS[unit.dimension]}))
    step, least, most = whole["quantity_step"], whole["min_quantity"], whole["max_quantity"]
    if whole["sold_by"] == "piece" and step % 1:
        faults.append(Fault("/quantity_step", "not_a_multiple", {"step": "1"}))
    if least % step:
        faults.append(Fault("/min_quantity", "not_a_multiple", {"step": str(step)}))
    if most is not None and most < least:
        faults.append(Fault("/max_quantity", "contradiction", {"other": "min_quantity"}))
    if faults or unit is None:
        raise Invalid(faults)
    amount, per = unit_price(whole["price_amount"], whole["sold_by"], whole["pack_size"], unit.dimension, unit.factor)
    if amount >= 2**63:
        raise Invalid(
            [Fault("/pack_size", "out_of_range", {"expected": ("larger, for this price", "больше — для такой цены")})]
        )
    return {"unit_price_amount": amount, "unit_price_per": per}
