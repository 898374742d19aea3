"""How /store answers for warehouses and stock."""

from typing import Any

from eatit.money import quantity_text
from store.answers import history_of, told
from store.stock import Balance, Movement
from store.warehouses import Warehouse


def warehouse_answer(row: Warehouse, audience: str) -> dict[str, Any]:
    """A warehouse, with its distance where one was asked for."""
    own = {"id": row.id, "code": row.code, "active": row.active}
    place = {"latitude": row.latitude, "longitude": row.longitude}
    far = row._mapping.get("distance_km")
    distance = {} if far is None else {"distance_km": round(far, 3)}
    words = told(row, audience, ("name", "address"))
    return {**own, **words, **place, **distance, **history_of(row)}


def balance_answer(row: Balance, audience: str) -> dict[str, Any]:
    """A product's balance in one warehouse; for anyone but staff what is available alone."""
    words = told(row, audience)
    answer = {"warehouse_id": row.warehouse_id, "code": row.code, "name": words["name"]}
    answer["available"] = quantity_text(row.available)
    if audience == "staff":
        answer.update(on_hand=quantity_text(row.on_hand), reserved=quantity_text(row.reserved), active=row.active)
    return answer


def stock_answer(row: Balance) -> dict[str, Any]:
    """A balance in the list of all stock."""
    return {
        "product_id": row.product_id,
        "sku": row.sku,
        "name": row.name,
        "warehouse_id": row.warehouse_id,
        "on_hand": quantity_text(row.on_hand),
        "reserved": quantity_text(row.reserved),
        "available": quantity_text(row.available),
        "low_stock_at": None if row.low_stock_at is None else quantity_text(row.low_stock_at),
    }


def movement_answer(row: Movement) -> dict[str, Any]:
    """A row of the ledger."""
    return {
        "id": row.id,
        "at": row.at,
        "kind": row.kind,
        "product_id": row.product_id,
        "warehouse_id": row.warehouse_id,
        "to_warehouse_id": row.to_warehouse_id,
        "quantity": quantity_text(row.quantity),
        "reason": row.reason,
        "actor_id": row.actor_id,
        "order_id": row.order_id,
    }
