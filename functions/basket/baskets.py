"""Baskets and their lines: each change is one statement (see `basket.statements`), sound under any concurrency."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.errors import SerializationFailure

from basket.product_copies import fill_gap
from basket.statements import ACCEPT, ADD, LOCK, MERGE, READ, REMOVE, SET
from eatit.database import Database, Transaction
from eatit.errors import Conflict, DomainError, Fault, Invalid, NotFound, Stale, check_version
from eatit.identifiers import uuid7
from eatit.money import quantity_text

MAX_LINES = 200
MAX_QUANTITY = Decimal(1_000_000)
# What a merge tells even where nothing changed: that not all of the guest's line came along.
CUT_SHORT = ("capped", "basket_full")
Line = Any  # a row of a statement of basket.statements, its columns as attributes


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose basket: a user's, that of a guest who holds a token, or nobody's yet."""

    user_id: UUID | None = None
    token: str | None = None

    @property
    def kind(self) -> str:
        """`user`, `guest` or `nobody`."""
        return "user" if self.user_id else "guest" if self.token else "nobody"

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements find the basket by."""
        if self.user_id:
            return {"user": self.user_id}
        return {"digest": token_digest(self.token)} if self.token else {}

    @property
    def scope(self) -> str | None:
        """What tells this caller's idempotency keys apart."""
        if self.user_id:
            return str(self.user_id)
        return token_digest(self.token).hex() if self.token else None


@dataclass(frozen=True, slots=True)
class Basket:
    """A basket as it stands: its lines are rows with the product's copy beside them."""

    id: UUID | None
    version: int
    updated_at: Any
    lines: Sequence[Line]


NO_BASKET = Basket(None, 0, None, ())


def token_digest(token: str) -> bytes:
    """What is stored of a guest's token: 256 random bits need no salt."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def read_basket(database: Database, owner: Owner) -> Basket:
    """The basket as it stands; an empty one where there is none yet. Raises `NotFound` for an unknown token."""
    if owner.kind == "nobody":
        return NO_BASKET
    rows = database.rows(READ[owner.kind], owner.parameters)
    if not rows:
        return _none_yet(owner)
    return basket_of(rows)


def put_line(
    runner: Database | Transaction,
    database: Database,
    owner: Owner,
    product_id: UUID,
    quantity: Decimal,
    *,
    add: bool,
    expected: list[int] | None = None,
    new_token: str | None = None,
) -> Basket:
    """Add `quantity` to a line, or set the line to it. `new_token`: the secret of the basket to make for nobody.

    Raises `NotFound` (`product_not_found`, `basket_not_found`), `Invalid` (`invalid_quantity`), `Stale`,
    `Conflict` (`basket_full`).
    """
    statement = (ADD if add else SET)[owner.kind]
    parameters: dict[str, Any] = {
        **owner.parameters,
        "product": product_id,
        "quantity": quantity,
        "expected": expected,
        "largest": MAX_QUANTITY,
        "most_lines": MAX_LINES,
    }
    if owner.kind != "guest":
        parameters["new_id"] = uuid7()
    if owner.kind == "nobody":
        parameters["new_digest"] = token_digest(new_token or "")
    rows = _run(runner, database, owner, statement, parameters)
    if rows[0].found is None and fill_gap(database, product_id):
        rows = _run(runner, database, owner, statement, parameters)
    first = rows[0]
    if first.basket_id is None:
        unsound = _why_not(first, owner, expected)
        if unsound is None:
            return read_basket(database, owner)
        raise unsound
    return basket_of(rows)


def remove_lines(
    database: Database, owner: Owner, product_id: UUID | None = None, *, expected: list[int] | None = None
) -> Basket:
    """Remove a line, or all of them; what isn't there is gone already.

    Raises `NotFound` for an unknown token, `Stale`.
    """
    parameters = {**owner.parameters, "product": product_id, "expected": expected}
    rows = [] if owner.kind == "nobody" else _run(database, database, owner, REMOVE[owner.kind], parameters)
    if not rows:
        none = _none_yet(owner)
        check_version(none.version, expected)
        return none
    if expected is not None and not rows[0].changed and rows[0].version not in expected:
        raise Stale
    return basket_of(rows)


def accept_prices(runner: Database | Transaction, database: Database, owner: Owner) -> Basket:
    """Take the present prices of what is on sale as seen. Raises `NotFound` for an unknown token."""
    rows = [] if owner.kind == "nobody" else _run(runner, database, owner, ACCEPT[owner.kind], owner.parameters)
    return basket_of(rows) if rows else _none_yet(owner)


def merge(
    runner: Database | Transaction, database: Database, user_id: UUID, token: str, policy: str
) -> tuple[Basket, list[dict[str, Any]]]:
    """Put a guest's lines into the user's basket, and end the guest's → the basket, and what changed in it.

    `policy` is for lines in both: `sum`, `replace` or `keep`. A change is `{"product_id", "from", "to", "code"}`, with
    the codes `added`, `summed`, `capped`, `replaced` and `basket_full`. A token that is unknown, or merged already,
    changes nothing.
    """
    owner = Owner(user_id=user_id)
    parameters = {
        **owner.parameters,
        "digest": token_digest(token),
        "policy": policy,
        "new_id": uuid7(),
        "largest": MAX_QUANTITY,
        "most_lines": MAX_LINES,
    }
    # The user's basket is locked first, here and in the statement, so that two merges can't lock each other out.
    rows = _run(runner, database, owner, MERGE, parameters, locks=("user", "guest"))
    changes = [
        {
            "product_id": row.told_id,
            "from": quantity_text(row.before),
            "to": quantity_text(row.after),
            "code": row.code,
        }
        for row in sorted((row for row in rows if row.told_id), key=lambda row: (row.told_at, row.told_id))
        if row.code in CUT_SHORT or row.before != row.after
    ]
    return _none_yet(owner) if rows[0].basket_id is None else basket_of(rows), changes


def _run(
    runner: Database | Transaction,
    database: Database,
    owner: Owner,
    statement: str,
    parameters: dict[str, Any],
    locks: Sequence[str] | None = None,
) -> Sequence[Line]:
    """In one statement; where somebody came between, once more with the basket (the `locks`) locked first."""

    def locked(transaction: Transaction) -> Sequence[Line]:
        for kind in locks or ((owner.kind,) if owner.kind in LOCK else ()):
            transaction.rows(LOCK[kind], parameters)
        return transaction.rows(statement, parameters)

    if isinstance(runner, Transaction):
        return locked(runner)
    try:
        return runner.rows(statement, parameters, writes=True)
    except SerializationFailure:
        return database.transaction(locked)


def _none_yet(owner: Owner) -> Basket:
    if owner.kind == "guest":
        raise NotFound("basket_not_found")
    return NO_BASKET


def basket_of(rows: Sequence[Line]) -> Basket:
    """The basket in a statement's rows, of which there is at least one."""
    first = rows[0]
    return Basket(first.basket_id, first.version, first.updated_at, [row for row in rows if row.product_id is not None])


def _why_not(row: Line, owner: Owner, expected: list[int] | None) -> DomainError | None:
    """Why nothing was changed; `None` where nothing had to be, since the line has this quantity already."""
    if owner.kind == "guest" and row.before_id is None:
        return NotFound("basket_not_found")
    if row.found is None or row.found_status != "active":
        return NotFound("product_not_found")
    if expected is not None and (row.before_version or 0) not in expected:
        return Stale()
    fault = None
    if row.wanted < row.min_quantity:
        fault = Fault("/quantity", "below_minimum", {"minimum": quantity_text(row.min_quantity)})
    elif row.wanted > row.max_quantity:
        fault = Fault("/quantity", "above_maximum", {"maximum": quantity_text(row.max_quantity)})
    elif row.wanted % row.quantity_step:
        fault = Fault("/quantity", "not_a_multiple", {"step": quantity_text(row.quantity_step)})
    if fault is None and row.before_quantity == row.wanted:
        return None
    if fault is None:
        return Conflict("basket_full", most=MAX_LINES)
    return Invalid([fault], "invalid_quantity")
