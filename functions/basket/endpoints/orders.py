"""GET /basket/orders: one's own orders; for staff, all."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from basket import orders
from basket.database import database
from basket.order_answers import order_answer
from basket.order_models import OrderList, OrderStatus, PaymentMethod, PaymentStatus
from eatit.http.answers import dump, page
from eatit.http.app import endpoint_router
from eatit.http.callers import SignedIn
from eatit.http.documentation import described
from eatit.http.parameters import Cursor, Limit
from eatit.http.shapes import Id, ParameterText

router = endpoint_router()


@router.get(
    "/basket/orders",
    tags=["orders"],
    summary="List and find orders",
    operation_id="list_orders",
    response_model=OrderList,
    openapi_extra=described(),
)
async def list_orders(
    caller: SignedIn,
    status: OrderStatus | None = None,
    payment_status: PaymentStatus | None = None,
    payment_method: PaymentMethod | None = None,
    warehouse: Id | None = None,
    user_id: Id | None = None,
    number: Annotated[ParameterText | None, Query(description="`7K3M-Q9TX`, `7k3mq9tx`, as it is told.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """Orders that fit all filters, the newest first: the caller's own, for staff everybody's."""
    filters = orders.Filters(status, payment_status, payment_method, warehouse, user_id, number)
    found, following = orders.list_orders(database, caller, filters, limit, cursor)
    return page(dump({"items": [order_answer(row) for row in found], "next_cursor": following}), personal=True)
