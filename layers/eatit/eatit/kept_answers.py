"""Where each group keeps the answers that idempotency keys give again."""

from sqlalchemy import Column, DateTime, Index, Integer, LargeBinary, MetaData, Table, func
from sqlalchemy.dialects.postgresql import JSONB


def kept_answers(metadata: MetaData) -> Table:
    """The table of kept answers of one group, in that group's schema."""
    return Table(
        "idempotency",
        metadata,
        Column("scope", LargeBinary, primary_key=True),
        Column("body_digest", LargeBinary, nullable=False),
        Column("status", Integer, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("idempotency_by_age", "created_at"),
    )
