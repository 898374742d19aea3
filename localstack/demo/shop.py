"""The demo shop's data, read from shop.json and goods/*.json into the shapes that the API takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOM = Path(__file__).parent
DEFAULT, OTHER = "ru", "en"
TEXTS = ("name", "description", "composition", "storage_conditions")
AS_THEY_ARE = (
    "sku",
    "barcode",
    "sold_by",
    "pack_size",
    "quantity_step",
    "min_quantity",
    "max_quantity",
    "nutrition",
    "allergens",
)


@dataclass(frozen=True, slots=True)
class Category:
    """A node of the tree: `body` is what `POST /store/categories` takes but for `parent_id`; `parent` is a slug."""

    slug: str
    parent: str | None
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A warehouse: names and address in Russian, `translations` of both; WGS 84 degrees."""

    code: str
    name: str
    address: str
    latitude: float
    longitude: float
    translations: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Good:
    """A product: `body` is what `POST /store/products` takes but for `category_id` and `unit_id`.

    `category` is a slug, `unit` a code; `stock` is how much each warehouse (by code) holds: packs when it is sold by
    the piece, units otherwise.
    """

    sku: str
    category: str
    unit: str
    body: dict[str, Any]
    stock: dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class Shop:
    """The whole demo shop; `units` are bodies of `POST /store/units`, `categories` come parents first."""

    units: list[dict[str, Any]]
    categories: list[Category]
    warehouses: list[Warehouse]
    goods: list[Good]


def load(currency: str = "RUB") -> Shop:
    """The demo shop, its prices in minor units of `currency`.

    Raises `KeyError` where the files lack a field, name or language.
    """
    plain = json.loads((ROOM / "shop.json").read_text(encoding="utf-8"))
    goods = [
        _good(written, plain["storage"], currency)
        for file in sorted((ROOM / "goods").glob("*.json"))
        for written in json.loads(file.read_text(encoding="utf-8"))["goods"]
    ]
    return Shop(
        units=[_unit(written) for written in plain["units"]],
        categories=[_category(written) for written in plain["categories"]],
        warehouses=[_warehouse(written) for written in plain["warehouses"]],
        goods=goods,
    )


def _unit(written: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": written["code"],
        "dimension": written["dimension"],
        "factor": written["factor"],
        **_texts({"name": written["name"]}),
    }


def _category(written: dict[str, Any]) -> Category:
    body = {"slug": written["slug"], "position": written["position"], **_texts({"name": written["name"]})}
    return Category(written["slug"], written["parent"], body)


def _warehouse(written: dict[str, Any]) -> Warehouse:
    return Warehouse(
        code=written["code"],
        latitude=written["latitude"],
        longitude=written["longitude"],
        **_texts({"name": written["name"], "address": written["address"]}),
    )


def _good(written: dict[str, Any], storage: dict[str, dict[str, str]], currency: str) -> Good:
    body = {
        **{field: written[field] for field in AS_THEY_ARE},
        **_texts({**written, "storage_conditions": storage[written["storage"]]}, TEXTS),
        "price": {"amount": written["price"], "currency": currency},
        "status": "active",
    }
    stock = {warehouse: Decimal(quantity) for warehouse, quantity in written["stock"].items()}
    return Good(written["sku"], written["category"], written["unit"], body, stock)


def _texts(written: dict[str, Any], fields: tuple[str, ...] | None = None) -> dict[str, Any]:
    """`{"name": {"ru": …, "en": …}}` as the API has it: the default language plain, the other under `translations`."""
    fields = fields or tuple(written)
    return {
        **{field: written[field][DEFAULT] for field in fields},
        "translations": {OTHER: {field: written[field][OTHER] for field in fields}},
    }
