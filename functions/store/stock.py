"""Stock: movements into a ledger that only grows, and the balances that they make, written together and never below
zero.

Every writer of balances locks its rows in the order of product and warehouse before it looks at them; the functions of
the database that reserve and sell do alike (the migration 0007 has them).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, func, insert, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import Uuid

from eatit.database import Database, Transaction
from eatit.errors import Conflict, Fault, Invalid, NotFound
from eatit.events import WAREHOUSE_TURNED
from eatit.identifiers import uuid7
from eatit.observability import trace_id
from eatit.outbox import adopt_written, emit
from eatit.paging import make_cursor, page_of, read_cursor
from store.tables import movements, products, stock, warehouses

Balance = Row[Any]
Movement = Row[Any]
MOST = Decimal("99999999999.999")
AT_ONCE = 100  # products of one transaction: they leave before its answer, and who moves one meanwhile waits for it
NOBODY = UUID(int=0)

_product_locked = (
    select(products.c.status).where(products.c.id == bindparam("id")).with_for_update(key_share=True, read=True)
)
_warehouse = (
    select(warehouses.c.id).where(warehouses.c.id == bindparam("id")).with_for_update(key_share=True, read=True)
)
_place = upsert(stock).values(on_hand=0).on_conflict_do_nothing()
_balances_locked = (
    select(stock.c.warehouse_id, stock.c.on_hand, stock.c.reserved)
    .where(stock.c.product_id == bindparam("product"), stock.c.warehouse_id.in_(bindparam("places", expanding=True)))
    .order_by(stock.c.product_id, stock.c.warehouse_id)
    .with_for_update()
)
_move = (
    update(stock)
    .where(stock.c.product_id == bindparam("product"), stock.c.warehouse_id == bindparam("place"))
    .values(on_hand=stock.c.on_hand + bindparam("by"))
)
_announce = select(func.store.announce_stock(bindparam("products", type_=ARRAY(Uuid)), bindparam("trace")))
_available = (stock.c.on_hand - stock.c.reserved).label("available")
_of_product = (
    select(
        warehouses.c.id.label("warehouse_id"), warehouses.c.code, warehouses.c.name, warehouses.c.translations,
        warehouses.c.active, stock.c.on_hand, stock.c.reserved, _available,
    )
    .join(stock, stock.c.warehouse_id == warehouses.c.id)
    .where(stock.c.product_id == bindparam("product"))
    .order_by(warehouses.c.code.collate("C"))
)  # fmt: skip
_status = select(products.c.status).where(products.c.id == bindparam("product"))
_stocked_here = (
    select(stock.c.product_id)
    .where(
        stock.c.warehouse_id == bindparam("place"),
        stock.c.on_hand > 0,
        stock.c.product_id > bindparam("after"),
    )
    .order_by(stock.c.product_id)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A movement to be made: `quantity` is positive, for `adjust` signed; `to_warehouse_id` for `transfer` alone."""

    kind: str
    product_id: UUID
    warehouse_id: UUID
    to_warehouse_id: UUID | None
    quantity: Decimal
    reason: str

    def effects(self) -> dict[UUID, Decimal]:
        """By how much each warehouse's balance changes."""
        if self.kind == "transfer":
            assert self.to_warehouse_id is not None
            return {self.warehouse_id: -self.quantity, self.to_warehouse_id: self.quantity}
        return {self.warehouse_id: -self.quantity if self.kind == "write_off" else self.quantity}


def move(transaction: Transaction, wanted: Wanted, actor_id: UUID) -> Movement:
    """Write a movement and the balances that it makes, and tell of them.

    Raises `Invalid` for an unknown product or warehouse, `Conflict`: `product_archived`, `insufficient_stock` where a
    balance would fall below what is reserved of it, `stock_too_large`.
    """
    _check_references(transaction, wanted)
    effects = wanted.effects()
    for place in sorted(effects):
        transaction.execute(_place, {"product_id": wanted.product_id, "warehouse_id": place})
    found = {"product": wanted.product_id, "places": sorted(effects)}
    for row in transaction.execute(_balances_locked, found).all():
        after = row.on_hand + effects[row.warehouse_id]
        if after < row.reserved:
            available = f"{row.on_hand - row.reserved:.3f}"
            extra = {"warehouse_id": row.warehouse_id, "available": available}
            raise Conflict("insufficient_stock", extra=extra, available=available)
        if after > MOST:
            raise Conflict("stock_too_large")
    for place in sorted(effects):
        transaction.execute(_move, {"product": wanted.product_id, "place": place, "by": effects[place]})
    row = transaction.execute(
        insert(movements)
        .values(
            id=uuid7(),
            kind=wanted.kind,
            product_id=wanted.product_id,
            warehouse_id=wanted.warehouse_id,
            to_warehouse_id=wanted.to_warehouse_id,
            quantity=wanted.quantity,
            reason=wanted.reason,
            actor_id=actor_id,
            trace_id=trace_id(),
        )
        .returning(movements)
    ).one()
    announce(transaction, [wanted.product_id])
    return row


def announce(transaction: Transaction, product_ids: Sequence[UUID]) -> None:
    """Tell of these products' balances, after they changed: `store.stock.changed`, and what was crossed."""
    transaction.execute(_announce, {"products": list(product_ids), "trace": trace_id()})
    adopt_written(transaction)


def announce_warehouse(transaction: Transaction, warehouse_id: UUID, version: int) -> None:
    """Tell of all that lies in a warehouse which opened or closed: at once of a few, in turns of more."""
    few = _stocked(transaction, warehouse_id, NOBODY, AT_ONCE + 1)
    if len(few) > AT_ONCE:
        _tell_turned(transaction, warehouse_id, version, NOBODY)
    elif few:
        announce(transaction, few)


def announce_more(
    transaction: Transaction, warehouse_id: UUID, version: int, after: UUID, *, last: bool
) -> UUID | None:
    """Tell of the next products in such a warehouse → where to go on; `None`: all were told of. `last`: in this turn,
    so that another is to follow."""
    found = _stocked(transaction, warehouse_id, after, AT_ONCE)
    if found:
        announce(transaction, found)
    if len(found) < AT_ONCE:
        return None
    if last:
        _tell_turned(transaction, warehouse_id, version, found[-1])
    return found[-1]


def _stocked(transaction: Transaction, warehouse_id: UUID, after: UUID, most: int) -> Sequence[UUID]:
    return transaction.execute(_stocked_here, {"place": warehouse_id, "after": after, "most": most}).scalars().all()


def _tell_turned(transaction: Transaction, warehouse_id: UUID, version: int, after: UUID) -> None:
    emit(transaction, WAREHOUSE_TURNED, warehouse_id, version, {"id": str(warehouse_id), "after": str(after)})


def of_product(database: Database, product_id: UUID, *, staff: bool) -> list[Balance]:
    """A product's balances, live; for anyone but staff those of open warehouses. Raises `NotFound`."""
    status = database.read(_status, {"product": product_id}).scalar_one_or_none()
    if status is None or (status != "active" and not staff):
        raise NotFound("product_not_found")
    rows = database.read(_of_product, {"product": product_id}).all()
    return [row for row in rows if staff or row.active]


def list_stock(
    database: Database, *, warehouse: UUID | None, low: bool, limit: int, cursor: str | None
) -> tuple[list[Balance], str | None]:
    """A page of balances, by product and warehouse; `low`: only where no more is available than the product's
    `low_stock_at`. Raises `DomainError` (`invalid_cursor`)."""
    place = tuple_(stock.c.product_id, stock.c.warehouse_id)
    statement = select(
        stock.c.product_id, products.c.sku, products.c.name, stock.c.warehouse_id, stock.c.on_hand, stock.c.reserved,
        _available, products.c.low_stock_at,
    ).join(products, products.c.id == stock.c.product_id)  # fmt: skip
    if warehouse is not None:
        statement = statement.where(stock.c.warehouse_id == warehouse)
    if low:
        statement = statement.where(stock.c.on_hand - stock.c.reserved <= products.c.low_stock_at)
    filters = {"warehouse": warehouse, "low": low}
    if cursor is not None:
        statement = statement.where(place > tuple_(*read_cursor(cursor, "id", filters, [UUID, UUID])))
    ordered = statement.order_by(stock.c.product_id, stock.c.warehouse_id).limit(limit + 1)
    rows, more = page_of(database.read(ordered).all(), limit)
    keys = [rows[-1].product_id, rows[-1].warehouse_id] if more else []
    return list(rows), make_cursor("id", filters, keys) if more else None


def list_movements(
    database: Database, *, product: UUID | None, warehouse: UUID | None, limit: int, cursor: str | None
) -> tuple[list[Movement], str | None]:
    """A page of the ledger, the newest first; `warehouse` is where goods came from or went to. Raises `DomainError`
    (`invalid_cursor`)."""
    statement = select(movements)
    if product is not None:
        statement = statement.where(movements.c.product_id == product)
    if warehouse is not None:
        here = or_(movements.c.warehouse_id == warehouse, movements.c.to_warehouse_id == warehouse)
        statement = statement.where(here)
    filters = {"product": product, "warehouse": warehouse}
    if cursor is not None:
        (after,) = read_cursor(cursor, "-id", filters, [UUID])
        statement = statement.where(movements.c.id < after)
    rows, more = page_of(database.read(statement.order_by(movements.c.id.desc()).limit(limit + 1)).all(), limit)
    return list(rows), make_cursor("-id", filters, [rows[-1].id]) if more else None


def _check_references(transaction: Transaction, wanted: Wanted) -> None:
    faults = []
    status = transaction.execute(_product_locked, {"id": wanted.product_id}).scalar_one_or_none()
    if status is None:
        faults.append(Fault("/product_id", "unknown_reference", {"what": ("product", "товар")}))
    for field, place in (("/warehouse_id", wanted.warehouse_id), ("/to_warehouse_id", wanted.to_warehouse_id)):
        if place is not None and transaction.execute(_warehouse, {"id": place}).one_or_none() is None:
            faults.append(Fault(field, "unknown_reference", {"what": ("warehouse", "склад")}))
    if faults:
        raise Invalid(faults)
    if status == "archived":
        raise Conflict("product_archived")
