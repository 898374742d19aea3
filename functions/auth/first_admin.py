"""The worker that makes a registered account an admin: `{"email": "anna@example.org"}`.

No gateway leads here: whoever may invoke the function by the Lambda API may make admins (IAM is the gate). It is how a
deployment comes to its first one; admins make others by PATCH /auth/users/{id}.
"""

from datetime import UTC
from typing import Any

from auth.clients import Client
from auth.database import database
from auth.users import make_admin, spread_marks
from eatit.errors import Invalid
from eatit.observability import begin_trace, logger


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`{"outcome": "made", "user_id": ..., "email_verified": bool, "created_at": ...}`; other outcomes: `already_admin`
    and `disabled` with the same fields, `no_account` and `not_an_address` alone. Raises `ValueError` for another event.
    """
    begin_trace(None)
    if not isinstance(event, dict) or set(event) != {"email"} or not isinstance(event["email"], str):
        raise ValueError('the event must be {"email": "anna@example.org"}')
    email = event["email"].strip()
    try:
        outcome, user = database.transaction(
            lambda transaction: make_admin(transaction, email, Client("AdminFunction", None))
        )
    except Invalid:
        return {"outcome": "not_an_address"}
    if user is None:
        return {"outcome": outcome}
    spread_marks(database, user["id"])
    logger.info("asked to make an admin", outcome=outcome, user_id=str(user["id"]))
    return {
        "outcome": outcome,
        "user_id": str(user["id"]),
        "email_verified": user["email_verified"],
        "created_at": user["created_at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
