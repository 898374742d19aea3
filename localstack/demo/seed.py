"""Puts the demo users and the demo shop into a running EatIt; what already stands is left as it is.

Everything goes in by the API, as a shop's staff would put it in, and so do roles; the first admin is made by the
function that `make admin` calls. The database is only asked what stands already.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from localstack.demo.client import Client, Refused
from localstack.demo.shop import Category, Good, Shop, Warehouse, load
from localstack.failures import StackFailure

# Two at a time: a cold function starts a worker for each request that waits, and the machine has few cores.
PARALLEL = 2
TAKEN = 409
WRONG_PASSWORD = 401


def seed(
    url: str,
    database_url: str,
    users: dict[str, dict[str, str]],
    make_admin: Callable[[str], Mapping[str, Any]],
    progress: Callable[[str], None],
    goods: bool = True,
    *,
    stopping: threading.Event,
    demanded: Collection[str] = (),
    keep: Callable[[str, str], None] = lambda _role, _secret: None,
) -> None:
    """Make the demo users and, with `goods`, the demo shop; done a second time it changes nothing.

    `url` is the edge's, `database_url` one of the database's owner; `users` holds `email` and `password` of `admin`,
    `staff` and `customer`, and `totp_secret` of whoever has an authenticator; `make_admin` is given an address and
    calls AdminFunction, whose answer it gives; `progress` is told in one line what is being done. Whoever has none, and
    one of the roles `demanded`, is given an authenticator; `keep` is told the role and the secret before it counts.
    Raises `StackFailure` when a request is refused that should not be, or nothing answers; `Stopped` soon after
    `stopping` is set.
    """
    try:
        with (
            psycopg.connect(database_url, autocommit=True) as database,
            Client(url, stopping) as client,
            Client(url, stopping) as admin,
        ):
            progress("demo users: " + ", ".join(users))
            _register(client, users)
            _sign_staff_in(client, admin, users, make_admin, _SignIn(users, demanded, keep))
            if goods:
                _fill(client, database, load(), progress)
    except Refused as error:
        if error.status == WRONG_PASSWORD:
            raise StackFailure(
                "The demo users already stand, with other passwords or authenticators: `make reset` forgets them with "
                "all of the data."
            ) from error
        raise StackFailure(f"The demo shop can't be put in: {error}.") from error
    except psycopg.Error as error:
        raise StackFailure(f"The demo shop can't be put in: the database says {str(error).strip()!r}.") from error


def _register(client: Client, users: dict[str, dict[str, str]]) -> None:
    for user in users.values():
        body = {"email": user["email"], "password": user["password"]}
        client.post("/auth/register", body, unless=TAKEN)


@dataclass(frozen=True, slots=True)
class _SignIn:
    """Signing demo users in, with an authenticator for those of `demanded` roles."""

    users: dict[str, dict[str, str]]
    demanded: Collection[str]
    keep: Callable[[str, str], None]

    def __call__(self, client: Client, name: str) -> dict[str, Any]:
        user = client.log_in(**self.users[name])
        if user["role"] in self.demanded and not user["totp_enabled"]:
            client.enrol(lambda secret: self.keep(name, secret))
        return user


def _sign_staff_in(
    client: Client,
    admin: Client,
    users: dict[str, dict[str, str]],
    make_admin: Callable[[str], Mapping[str, Any]],
    sign_in: _SignIn,
) -> None:
    """Give the demo users their roles; `client` is the staff's afterwards, `admin` the admin's where one was needed."""
    outcome = make_admin(users["admin"]["email"])["outcome"]
    if outcome not in ("made", "already_admin"):
        raise Refused(f"the demo admin can't be made one: {outcome}")
    staff = sign_in(client, "staff")
    if staff["role"] != "customer" and "admin" not in sign_in.demanded:
        return
    sign_in(admin, "admin")
    if staff["role"] == "customer":
        admin.patch(f"/auth/users/{staff['id']}", {"role": "staff"})
        sign_in(client, "staff")


def _fill(
    client: Client,
    database: psycopg.Connection[Any],
    shop: Shop,
    progress: Callable[[str], None],
) -> None:
    with ThreadPoolExecutor(PARALLEL) as pool:

        def make(path: str, bodies: Iterable[dict[str, Any]]) -> None:
            for _ in pool.map(lambda body: client.post(path, body, unless=TAKEN), bodies):
                pass

        units = _ids(database, "store.units", "code")
        progress(f"demo shop: {len(shop.units)} units, {len(shop.categories)} categories")
        make("/store/units", [unit for unit in shop.units if unit["code"] not in units])
        units = _ids(database, "store.units", "code")
        categories = _ids(database, "store.categories", "slug")
        for level in _levels(shop.categories):
            absent = [category for category in level if category.slug not in categories]
            make("/store/categories", [_category_body(category, categories) for category in absent])
            categories = _ids(database, "store.categories", "slug")

        products = _ids(database, "store.products", "sku")
        progress(f"demo shop: {len(shop.goods)} goods")
        absent_goods = [good for good in shop.goods if good.sku not in products]
        make("/store/products", [_product_body(good, categories, units) for good in absent_goods])
        progress(f"demo shop: stock in {len(shop.warehouses)} warehouses")
        warehouses = _ids(database, "store.warehouses", "code")
        make("/store/warehouses", [_warehouse_body(place) for place in shop.warehouses if place.code not in warehouses])
        warehouses = _ids(database, "store.warehouses", "code")
        receipts = _receipts(database, shop, warehouses, _ids(database, "store.products", "sku"))
        # One that comes twice, because its answer was lost, must be received once.
        keyed = [(receipt, f"demo-{receipt['product_id']}-{receipt['warehouse_id']}") for receipt in receipts]
        for _ in pool.map(lambda each: client.post("/store/stock/movements", each[0], key=each[1]), keyed):
            pass


def _ids(database: psycopg.Connection[Any], table: str, key: str) -> dict[str, UUID]:
    return dict(database.execute(f"SELECT {key}, id FROM {table}").fetchall())  # noqa: S608 (both are our own)


def _levels(categories: list[Category]) -> list[list[Category]]:
    """The tree by depth, so that a level's parents all stand before it is made."""
    levels: list[list[Category]] = []
    depth: dict[str, int] = {}
    for category in categories:
        depth[category.slug] = depth[category.parent] + 1 if category.parent else 0
        if depth[category.slug] == len(levels):
            levels.append([])
        levels[depth[category.slug]].append(category)
    return levels


def _category_body(category: Category, categories: dict[str, UUID]) -> dict[str, Any]:
    return {**category.body, "parent_id": str(categories[category.parent]) if category.parent else None}


def _product_body(good: Good, categories: dict[str, UUID], units: dict[str, UUID]) -> dict[str, Any]:
    return {**good.body, "category_id": str(categories[good.category]), "unit_id": str(units[good.unit])}


def _warehouse_body(place: Warehouse) -> dict[str, Any]:
    return {
        "code": place.code,
        "name": place.name,
        "address": place.address,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "translations": place.translations,
    }


def _receipts(
    database: psycopg.Connection[Any], shop: Shop, warehouses: dict[str, UUID], products: dict[str, UUID]
) -> list[dict[str, Any]]:
    """A movement for each balance of the goods that never had any in any warehouse."""
    stocked = {row[0] for row in database.execute("SELECT DISTINCT product_id FROM store.stock")}
    # A sku may be absent: when someone gave its barcode to a product of their own.
    fresh = [good for good in shop.goods if good.sku in products and products[good.sku] not in stocked]
    return [
        {
            "kind": "receive",
            "product_id": str(products[good.sku]),
            "warehouse_id": str(warehouses[code]),
            "quantity": str(quantity),
            "reason": "demo shop",
        }
        for good in fresh
        for code, quantity in good.stock.items()
        if quantity > 0
    ]
