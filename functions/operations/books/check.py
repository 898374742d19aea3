"""What a check is, and how one is made on the database as a transaction sees it."""

from dataclasses import dataclass
from typing import Any

from eatit.database import Transaction

EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Check:
    """Something that has to hold of each row of `rows`.

    `rows` is a SELECT in the driver's own form: a row for each thing that is looked at, with ids and numbers to know it
    by, the first of them its id, and `broken`: whether it doesn't hold. It may ask for `%(grace)s`, in seconds.
    `settles`: it tells of something under way that was to be done by now, so what is broken may still mend by itself.
    """

    name: str
    holds: str
    rows: str
    settles: bool = False


def made(transaction: Transaction, check: Check, grace: float) -> dict[str, Any]:
    """Make one check → `{"name", "holds", "settles", "looked_at", "broken", "examples"}`."""
    given = {"grace": grace}
    (counted,) = transaction.rows(
        f"SELECT count(*) AS looked_at, count(*) FILTER (WHERE broken) AS broken FROM ({check.rows}) AS looked",  # noqa: S608
        given,
    )
    examples = (
        transaction.rows(f"SELECT * FROM ({check.rows}) AS looked WHERE broken ORDER BY 1, 2 LIMIT {EXAMPLES}", given)  # noqa: S608
        if counted.broken
        else ()
    )
    return {
        "name": check.name,
        "holds": check.holds,
        "settles": check.settles,
        "looked_at": counted.looked_at,
        "broken": counted.broken,
        "examples": [_plain(row._mapping) for row in examples],
    }


def _plain(row: Any) -> dict[str, Any]:
    """A row as JSON has it: ids and decimals as texts."""
    kept = (bool, int, float, list, type(None))
    return {name: value if isinstance(value, kept) else str(value) for name, value in row.items() if name != "broken"}
