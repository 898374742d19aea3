"""The basket's copy of products and their stock: taken from events and, for a gap, from `store.product_state`.

Each keeps the version it has: older and repeated states change nothing, whatever order they come in.
"""

from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from basket.tables import products, stock
from eatit.database import Database, Transaction
from eatit.events import UnreadableEvent
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
    try:
        photos = state["photos"]
        piece = state["sold_by"] == "piece"
        return {
            "id": UUID(state["id"]),
            "version": _of(int, state["version"]),
            "sku": _of(str, state["sku"]),
            "name": _of(str, state["name"]),
            "translations": {
                _of(str, language): {"name": _of(str, words["name"])}
                for language, words in state["translations"].items()
                if words.get("name")
            },
            "photo_url": _of(str, photos[0]["urls"]["small"]) if photos else None,
            "unit": "piece" if piece else _of(str, state["unit"]),
            "quantity_step": _quantity(state["quantity_step"]),
            "min_quantity": _quantity(state["min_quantity"]),
            "max_quantity": None if state["max_quantity"] is None else _quantity(state["max_quantity"]),
            "price_amount": _of(int, state["price"]["amount"]),
            "currency": _of(str, state["price"]["currency"]),
            "status": _of(str, state["status"]),
        }
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise UnreadableEvent(f"not a product's state: {type(error).__name__} {error}") from None


def stock_row(state: dict[str, Any], version: Any) -> dict[str, Any]:
    """The copy's row of a stock's state. Raises `UnreadableEvent`."""
    try:
        return {
            "product_id": UUID(state["product_id"]),
            "version": _of(int, version),
            "available": _quantity(state["available"], least=Decimal(0), below=10**11),
            "by_warehouse": [
                {"warehouse_id": str(UUID(place["warehouse_id"])), "available": str(Decimal(place["available"]))}
                for place in state["by_warehouse"]
            ],
        }
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise UnreadableEvent(f"not a stock's state: {type(error).__name__} {error}") from None


def rows_of(state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both rows of a product's full state, which carries its stock with the stock's own version."""
    product = product_row(state)
    within = state.get("stock")
    if not isinstance(within, dict):
        raise UnreadableEvent("the product's state has no stock")
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


def _of(kind: type[T], value: Any) -> T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is not a {kind.__name__}")
    if "\0" in str(value) or len(str(value)) > 10_000 or (kind is int and abs(int(str(value))) >= 2**63):
        raise ValueError(f"{value!r:.40} can't be stored")
    return value


def _quantity(value: Any, *, least: Decimal = Decimal("0.001"), below: int = 10**9) -> Decimal:
    quantity = Decimal(_of(str, value))
    if not least <= quantity < below or quantity % THOUSANDTH:
        raise ValueError(f"{value!r:.40} is not a quantity")
    return quantity
