"""GET /basket/events/parked: which messages a queue's consumer could not use, and why."""

from dataclasses import asdict
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from basket.event_models import ParkedAnswer, Queue
from eatit.http.answers import dump, page
from eatit.http.app import endpoint_router
from eatit.http.callers import Admin
from eatit.http.documentation import described
from eatit.http.parameters import Limit

router = endpoint_router()
WITHIN = 4.0


@router.get(
    "/basket/events/parked",
    tags=["events"],
    summary="Look at parked messages",
    operation_id="list_parked",
    response_model=ParkedAnswer,
    openapi_extra=described(),
)
async def list_parked(
    _caller: Admin, queue: Annotated[Queue, Query(description="Whose.")], limit: Limit = 20
) -> Response:
    """The oldest of a queue's parked messages with their reasons; they stay where they are. There is no second page."""
    from eatit.parked import look  # brings pika, which no other request needs

    found, total = look(queue, limit=limit, within=WITHIN)
    told = {"queue": queue, "parked": total, "items": [asdict(message) for message in found]}
    return page(dump(told), varies=False, personal=True)
