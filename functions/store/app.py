"""StoreFunction: /store/*, put together from its endpoints."""

from sqlalchemy import text

from eatit.http.app import CONVENTIONS, create_app, create_handler
from eatit.secrets import secret
from store.database import cache, database
from store.endpoints import (
    by_barcode,
    categories,
    category,
    exports,
    import_run,
    imports,
    photo,
    photos,
    prices,
    product,
    products,
    search,
    stock,
    suggest,
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
        search.router,
        suggest.router,
        by_barcode.router,
        prices.router,
        categories.router,
        category.router,
        stock.router,
        warehouses.router,
        warehouse.router,
        photos.router,
        photo.router,
        units.router,
        unit.router,
        imports.router,
        import_run.router,
        exports.router,
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
        "photos": "Pictures of products: uploaded to a presigned address, checked, and shown in three sizes.",
        "imports": "Many products at once, from a file and into one.",
        "search": "Products by their words, and suggestions while one types.",
        "products": "The catalogue. Anyone but staff sees active products only.",
    },
)
handler = create_handler(app)
