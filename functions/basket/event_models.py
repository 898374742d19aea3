"""The shapes of /basket/events: what is parked, and what goes back."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from eatit.events import QUEUES
from eatit.http.shapes import Answer, Body


def _declared(value: Any) -> Any:
    if not isinstance(value, str) or value not in QUEUES:
        raise PydanticCustomError("eatit.not_one_of", "queue", {"expected": ", ".join(QUEUES)})
    return value


Queue = Annotated[str, BeforeValidator(_declared), WithJsonSchema({"type": "string", "enum": list(QUEUES)})]


class Replay(Body):
    """Whose parked messages go back, and how many at most."""

    queue: Queue
    limit: Annotated[int, Field(ge=1, le=1000, strict=True)] = 100


class ReplayAnswer(Answer):
    """How many went back, and how many are parked now; those that were refused again are among them."""

    queue: str
    replayed: int
    left: int


class DeathAnswer(Answer):
    """What the broker says of a message that it parked itself, as its `x-death` header does."""

    reason: str | None
    count: int | None
    queue: str | None
    at: datetime | None


class ParkedMessage(Answer):
    """A parked message: `reason` and `parked_at` where its consumer parked it, `death` where the broker did."""

    message_id: str | None
    type: str | None
    bytes: int
    reason: str | None
    parked_at: str | None
    death: DeathAnswer | None


class ParkedAnswer(Answer):
    """The first of what is parked, and how much that is in all."""

    queue: str
    parked: int
    items: list[ParkedMessage]
