"""StoreFunction: /store/*, put together from its endpoints."""

from sqlalchemy import text

from eatit.http.app import create_app, create_handler
from eatit.secrets import secret
from store.database import cache, database
from store.endpoints import categories, category, product, products, unit, units

app = create_app(
    "store",
    [units.router, unit.router, categories.router, category.router, products.router, product.router],
    {
        "database": (lambda: database.read(text("SELECT 1")), True),
        "keys": (lambda: bool(secret("auth/jwks").get("keys")), True),
        "cache": (cache.ping, False),
    },
    title="EatIt: the store",
)
handler = create_handler(app)
