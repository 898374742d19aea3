"""POST /basket/events/replay: parked messages go back into their queue."""

from starlette.requests import Request
from starlette.responses import Response

from basket.database import idempotency
from basket.event_models import Replay, ReplayAnswer
from eatit.database import Transaction
from eatit.http.answers import JSON, dump
from eatit.http.app import endpoint_router
from eatit.http.callers import Admin
from eatit.http.documentation import described
from eatit.observability import logger

router = endpoint_router()
# Within the five seconds that the transaction of an Idempotency-Key may stand idle meanwhile.
WITHIN = 3.5


@router.post(
    "/basket/events/replay",
    tags=["events"],
    summary="Replay parked messages",
    operation_id="replay_parked",
    response_model=ReplayAnswer,
    openapi_extra=described(idempotent=True),
)
async def replay_parked(request: Request, body: Replay, caller: Admin) -> Response:
    """Put what is parked now back, the oldest first. A message may come twice, which consumers bear; none is lost.

    It is no transaction: after a 503 some may be back already, and the rest still is parked. So the same request may
    always be sent again; an `Idempotency-Key` gives the first answer again and lets nothing that was parked since go.
    """
    from eatit.parked import Replayed, replay  # brings pika, which no other request needs

    done: list[Replayed] = []

    def once() -> Response:
        if not done:  # the transaction around it may be tried again, the messages have gone by then
            done.append(replay(body.queue, limit=body.limit, within=WITHIN))
            logger.info("replayed", queue=body.queue, actor_id=str(caller.user_id), replayed=done[0].replayed)
        told = {"queue": body.queue, "replayed": done[0].replayed, "left": done[0].left}
        return Response(dump(told), headers={"Cache-Control": "no-store"}, media_type=JSON)

    def kept(_transaction: Transaction) -> Response:
        return once()

    if "idempotency-key" not in request.headers:
        return once()
    return idempotency.post(request, str(caller.user_id), kept)
