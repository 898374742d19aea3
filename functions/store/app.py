"""StoreFunction: /store/*, put together from its endpoints."""

from sqlalchemy import text

from eatit.http.app import CONVENTIONS, create_app, create_handler
from eatit.secrets import secret
from store.database import cache, database
from store.endpoints import (
    by_barcode,
    categories,
    category,
    prices,
    product,
    products,
    stock,
    unit,
    units,
    warehouse,
    warehouses,
)

app = create_app(
    "store",
    # In the order of their use, since a request tries one route after the other.
    [
        product.router,
        products.router,
        by_barcode.router,
        prices.router,
        categories.router,
        category.router,
        stock.router,
        warehouses.router,
        warehouse.router,
        units.router,
        unit.router,
    ],
    {
        "database": (lambda: database.read(text("SELECT 1")), True),
        "keys": (lambda: bool(secret("auth/jwks").get("keys")), True),
        "cache": (cache.ping, False),
    },
    title="EatIt: the store",
    description="What is sold: products, their categories and units of measure. " + CONVENTIONS,
    tags={
        "units": "Units of measure, each with its exact factor to g, ml or piece.",
        "categories": "The tree that products stand in.",
        "warehouses": "Where goods lie.",
        "stock": "What is there, and the ledger of movements that made it so.",
        "products": "The catalogue. Anyone but staff sees active products only.",
    },
)
handler = create_handler(app)
