"""The worker that tells everything again: every active product goes into the outbox once more, and out of it.

For a consumer that lost its copy, or one that is new. Consumers ignore what they have already.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select

from eatit.database import Database, Transaction
from eatit.events import PRODUCT_CHANGED
from eatit.observability import begin_trace, logger
from eatit.outbox import emit, publish_at_once
from store.tables import products

BATCH = 200
SPARE_MILLISECONDS = 5_000

database = Database("store", after_commit=publish_at_once)
_batch = (
    select(products.c.id, products.c.version)
    .where(products.c.status == "active", products.c.id > bindparam("after"))
    .order_by(products.c.id)
    .limit(BATCH)
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`{"after": id?}` → `{"products": n, "after": id or null}`; `after` is where to go on when the time ran out."""
    begin_trace(None)
    after: UUID | None = UUID(event.get("after") or "00000000-0000-0000-0000-000000000000")
    told = 0
    while after is not None and context.get_remaining_time_in_millis() > SPARE_MILLISECONDS:
        count, after = database.transaction(lambda transaction, start=after: _tell(transaction, start))  # type: ignore[misc]
        told += count
    logger.info("resync", products=told, after=str(after) if after else None)
    return {"products": told, "after": str(after) if after else None}


def _tell(transaction: Transaction, after: UUID) -> tuple[int, UUID | None]:
    rows = transaction.execute(_batch, {"after": after}).all()
    for row in rows:
        emit(transaction, PRODUCT_CHANGED, row.id, row.version, func.store.state_of_product(row.id))
    return len(rows), rows[-1].id if len(rows) == BATCH else None
