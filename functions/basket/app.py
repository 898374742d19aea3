"""BasketFunction: /basket/*, put together from its endpoints."""

from sqlalchemy import text

from basket.database import database
from basket.endpoints import (
    accept_prices,
    basket,
    checkout,
    events_parked,
    events_replay,
    item,
    items,
    merge,
    order,
    order_money,
    orders,
    receipt,
    reorder,
)
from eatit.http.app import CONVENTIONS, create_app, create_handler
from eatit.revocation import is_reachable
from eatit.secrets import secret

app = create_app(
    "basket",
    [
        basket.router,
        items.router,
        item.router,
        merge.router,
        accept_prices.router,
        checkout.router,
        orders.router,
        order.router,
        order_money.router,
        receipt.router,
        reorder.router,
        events_parked.router,
        events_replay.router,
    ],
    {
        "database": (lambda: database.read(text("SELECT 1")), True),
        "keys": (lambda: bool(secret("auth/jwks").get("keys")), True),
        "cache": (is_reachable, False),
    },
    title="EatIt: the basket",
    description="Baskets of signed-in users, and of guests who hold a basket token; orders. " + CONVENTIONS,
    tags={
        "basket": "The caller's basket, at present prices.",
        "orders": "What was bought: from checkout to delivery, with what was paid and given back.",
        "events": "Messages that a consumer could not use, for admins.",
    },
)
handler = create_handler(app)
