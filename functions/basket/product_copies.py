"""The basket's copy of products and their stock: taken from events and, for a gap, from `store.product_state`.

Each keeps the version it has: older and repeated states change nothing, whatever order they come in.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from basket.tables import products, stock
from eatit.database import Database, Transaction
from eatit.events import UnreadableEvent, part, place
from eatit.money import THOUSANDTH

_offered = select(func.store.product_state(bindparam("product")))
_new_product = insert(products)
_upsert_product = _new_product.on_conflict_do_update(
    index_elements=[products.c.id],
    set_={column.name: _new_product.excluded[column.name] for column in products.c if column.name != "id"},
    where=products.c.version < _new_product.excluded.version,
)
_new_stock = insert(stock)
_upsert_stock = _new_stock.on_conflict_do_update(
    index_elements=[stock.c.product_id],
    set_={column.name: _new_stock.excluded[column.name] for column in stock.c if column.name != "product_id"},
    where=stock.c.version < _new_stock.excluded.version,
)

T = TypeVar("T")


def product_row(state: dict[str, Any]) -> dict[str, Any]:
    """The copy's row of a product's state. Raises `UnreadableEvent`."""
    with _state_of("a product"):
        piece = part(state, str, "sold_by") == "piece"
        return {
            "id": part(state, UUID, "id"),
            "version": _kept(state, int, "version"),
            "sku": _kept(state, str, "sku"),
            "name": _kept(state, str, "name"),
            "translations": {
                _fit(language, "translations", language): {"name": _kept(state, str, "translations", language, "name")}
                for language in part(state, dict, "translations")
                if part(state, dict, "translations", language).get("name")
            },
            "photo_url": _kept(state, str, "photos", 0, "urls", "small") if part(state, list, "photos") else None,
            "unit": "piece" if piece else _kept(state, str, "unit"),
            "quantity_step": _quantity(state, "quantity_step"),
            "min_quantity": _quantity(state, "min_quantity"),
            "max_quantity": None if state.get("max_quantity", 0) is None else _quantity(state, "max_quantity"),
            "price_amount": _kept(state, int, "price", "amount"),
            "currency": _kept(state, str, "price", "currency"),
            "status": _kept(state, str, "status"),
        }


def stock_row(state: dict[str, Any], version: Any) -> dict[str, Any]:
    """The copy's row of a stock's state. Raises `UnreadableEvent`."""
    with _state_of("a stock"):
        return {
            "product_id": part(state, UUID, "product_id"),
            "version": _kept({"version": version}, int, "version"),
            "available": _quantity(state, "available", least=Decimal(0), below=10**11),
            "by_warehouse": [
                {
                    "warehouse_id": str(part(state, UUID, "by_warehouse", number, "warehouse_id")),
                    "available": str(_decimal(state, "by_warehouse", number, "available")),
                }
                for number in range(len(part(state, list, "by_warehouse")))
            ],
        }


def rows_of(state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both rows of a product's full state, which carries its stock with the stock's own version."""
    product = product_row(state)
    with _state_of("a product"):
        within = part(state, dict, "stock")
    return product, stock_row(within, within.get("version"))


def store_rows(transaction: Transaction, product: dict[str, Any] | None, its_stock: dict[str, Any] | None) -> None:
    """Write rows that are newer than what the copy has."""
    if product is not None:
        transaction.execute(_upsert_product, product)
    if its_stock is not None:
        transaction.execute(_upsert_stock, its_stock)


def fill_gap(database: Database, product_id: UUID) -> bool:
    """Ask the store for a product that the copy lacks; whether there is one."""
    state = database.read(_offered, {"product": product_id}).scalar_one()
    if state is None:
        return False
    product, its_stock = rows_of(state)
    database.transaction(lambda transaction: store_rows(transaction, product, its_stock))
    return True


@contextmanager
def _state_of(what: str) -> Iterator[None]:
    """Whatever is unreadable within is a state of this."""
    try:
        yield
    except UnreadableEvent as error:
        raise UnreadableEvent(f"not {what}'s state: {error.reason}") from None


def _kept(state: Any, kind: type[T], *path: str | int) -> T:
    return _fit(part(state, kind, *path), *path)


def _fit(value: T, *path: str | int) -> T:
    """The value, if a column takes it."""
    if "\0" in str(value) or len(str(value)) > 10_000 or (isinstance(value, int) and abs(value) >= 2**63):
        raise UnreadableEvent(f"{place(*path)} can't be stored")
    return value


def _decimal(state: Any, *path: str | int) -> Decimal:
    try:
        number = Decimal(_kept(state, str, *path))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise UnreadableEvent(f"{place(*path)} must be a quantity")
    return number


def _quantity(state: Any, *path: str, least: Decimal = Decimal("0.001"), below: int = 10**9) -> Decimal:
    quantity = _decimal(state, *path)
    if not least <= quantity < below or quantity % THOUSANDTH:
        raise UnreadableEvent(f"{place(*path)} must be a quantity")
    return quantity
