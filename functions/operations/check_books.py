"""CheckBooksFunction: looks whether the books balance, on any deployment, while the shop is being used.

All checks see one and the same moment, and only read: nobody waits for them, but a migration that changes a table.
"""

from typing import Any

from eatit.database import Database, Transaction
from eatit.observability import begin_trace, logger
from operations.books import copies, events, orders, payments, stock
from operations.books.check import made

GRACE_SECONDS = 120.0
CHECKS = (*stock.CHECKS, *orders.CHECKS, *payments.CHECKS, *events.CHECKS, *copies.CHECKS)

database = Database("operations", silent_seconds=32)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`{"grace_seconds": 120}` → `{"balanced", "at", "grace_seconds", "checks"}`, each check as `books.check.made`.

    `grace_seconds`: how long an event may wait, and then be on its way to a copy. Raises `ValueError` for anything but
    seconds.
    """
    begin_trace(None)
    grace = _seconds(event.get("grace_seconds", GRACE_SECONDS))
    answer = database.transaction(lambda transaction: _looked(transaction, grace))
    broken = {check["name"]: check["broken"] for check in answer["checks"] if check["broken"]}
    if broken:
        logger.error("the books don't balance", extra={"broken": broken})
    else:
        logger.info("the books balance")
    return answer


def look(transaction: Transaction, grace: float) -> dict[str, Any]:
    """Make all checks in this transaction → what the handler answers."""
    (moment,) = transaction.rows('SELECT to_char(now(), \'YYYY-MM-DD"T"HH24:MI:SS"Z"\') AS at', {})
    checks = [made(transaction, check, grace) for check in CHECKS]
    balanced = not any(check["broken"] for check in checks)
    return {"balanced": balanced, "at": moment.at, "grace_seconds": grace, "checks": checks}


def _looked(transaction: Transaction, grace: float) -> dict[str, Any]:
    # Otherwise each statement would see a moment of its own: a fault's examples another one than its number.
    transaction.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", {})
    return look(transaction, grace)


def _seconds(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 86400:
        raise ValueError("grace_seconds must be a number of seconds, a day at most")
    return float(given)
