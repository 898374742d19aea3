"""POST /basket/checkout: the basket becomes an order."""

from starlette.requests import Request
from starlette.responses import Response

from basket import checkout
from basket.answers import language_of
from basket.database import idempotency
from basket.order_answers import order_response
from basket.order_models import Checkout, OrderAnswer
from basket.orders import actor_of
from eatit.database import Transaction
from eatit.http.app import endpoint_router
from eatit.http.callers import SignedIn
from eatit.http.documentation import described

router = endpoint_router()


@router.post(
    "/basket/checkout",
    tags=["orders"],
    summary="Make an order of the basket",
    operation_id="check_out",
    status_code=201,
    response_model=OrderAnswer,
    openapi_extra=described(
        "idempotency_key_required",
        "basket_empty",
        "quantity_not_sold",
        "price_changed",
        "below_minimum_order",
        "above_maximum_order",
        "too_many_open_orders",
        "out_of_stock",
        etag=True,
        localized=True,
        idempotent=True,
    ),
)
async def check_out(request: Request, body: Checkout, caller: SignedIn) -> Response:
    """Make an order of the basket: its stock is reserved in one warehouse, the one asked for, else the nearest that has
    all, and the basket is empty. A total that fell is passed on; one that rose is 409 `price_changed`, with `total`.
    `quantity_not_sold` names the `lines` whose quantity the product's step, minimum or maximum no longer allows.
    `out_of_stock` names the `warehouse_id` that lacks the fewest of the lines, and those `lines`. One asked for that
    isn't there, or is closed, is 422."""
    given = body.model_dump()
    wanted = checkout.Wanted(
        expected_total=body.expected_total.amount,
        payment_method=body.payment_method,
        delivery=given["delivery"],
        warehouse_id=body.warehouse_id,
        language=language_of(request, caller),
    )

    def work(transaction: Transaction) -> Response:
        order = checkout.check_out(transaction, actor_of(caller), wanted)
        return order_response(request, order, status=201, headers={"Location": f"/basket/orders/{order.id}"})

    return idempotency.post(request, str(caller.user_id), work, required=True)
