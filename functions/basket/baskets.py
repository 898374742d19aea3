"""Baskets and their lines: each change is one statement, sound under any concurrency.

The statement reads what stood before, checks the product's rules, locks the basket by counting its version up,
changes the line and gives the whole basket. Had somebody else changed the basket meanwhile, what it read would be
stale: it refuses itself (SQLSTATE 40001), and is run again with the basket locked first.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.errors import SerializationFailure
from sqlalchemy import BigInteger, LargeBinary, Numeric, Row, TextClause, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError

from basket.product_copies import fill_gap
from eatit.database import Database, Transaction
from eatit.errors import Conflict, DomainError, Fault, Invalid, NotFound, Stale
from eatit.identifiers import uuid7
from eatit.money import quantity_text

MAX_LINES = 200
MAX_QUANTITY = Decimal(1_000_000)
Line = Row[Any]


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


_FOUND = {"user": "b.user_id = :user", "guest": "b.token_digest = :digest AND b.merged_at IS NULL", "nobody": "false"}
_COUNTED_UP = "UPDATE basket.baskets AS b SET version = b.version + 1, updated_at = now()"
_LOCKED = {
    "user": """INSERT INTO basket.baskets AS b (id, user_id) SELECT :new_id, :user FROM sound
        ON CONFLICT (user_id) DO UPDATE SET version = b.version + 1, updated_at = now()""",
    "guest": f"{_COUNTED_UP} FROM sound WHERE {_FOUND['guest']}",
    "nobody": "INSERT INTO basket.baskets AS b (id, token_digest) SELECT :new_id, :new_digest FROM sound",
}
_ITEM = """l.product_id, l.quantity, l.price_seen, l.added_at, p.sku, p.name, p.translations, p.photo_url, p.unit,
    p.price_amount, p.currency, p.status, s.available"""
_WITH_COPIES = """LEFT JOIN basket.products p ON p.id = l.product_id
    LEFT JOIN basket.stock s ON s.product_id = l.product_id"""

_PUT = """
WITH before AS (
    SELECT b.id, b.version, l.quantity, (SELECT count(*) FROM basket.lines c WHERE c.basket_id = b.id) AS lines
    FROM basket.baskets b LEFT JOIN basket.lines l ON l.basket_id = b.id AND l.product_id = :product
    WHERE {found}
), product AS (
    SELECT p.id, p.price_amount, p.status, p.quantity_step, p.min_quantity,
        coalesce(p.max_quantity, :largest) AS max_quantity, {wanted} AS quantity
    FROM basket.products p WHERE p.id = :product
), sound AS (
    SELECT * FROM product
    WHERE status = 'active' AND quantity % quantity_step = 0 AND quantity BETWEEN min_quantity AND max_quantity
        AND (:expected IS NULL OR coalesce((SELECT version FROM before), 0) = ANY(:expected))
        AND (coalesce((SELECT lines FROM before), 0) < :most_lines OR (SELECT quantity FROM before) IS NOT NULL)
), basket AS (
    {locked} RETURNING b.id, b.version, b.updated_at
), line AS (
    INSERT INTO basket.lines (basket_id, product_id, quantity, price_seen)
    SELECT basket.id, sound.id, sound.quantity, sound.price_amount FROM basket, sound
    ON CONFLICT (basket_id, product_id) DO UPDATE SET quantity = excluded.quantity
    RETURNING basket_id, product_id, quantity, price_seen, added_at
)
SELECT basket.id AS basket_id, basket.version, basket.updated_at, before.id AS before_id,
    before.version AS before_version, before.quantity AS before_quantity, before.lines AS before_lines,
    product.id AS found, product.status AS found_status, product.quantity AS wanted, product.quantity_step,
    product.min_quantity, product.max_quantity, {item}
FROM (VALUES (1)) AS always LEFT JOIN before ON true LEFT JOIN product ON true LEFT JOIN basket ON true
LEFT JOIN (
    SELECT * FROM line
    UNION ALL SELECT l.basket_id, l.product_id, l.quantity, l.price_seen, l.added_at FROM basket.lines l
        WHERE l.basket_id = (SELECT id FROM before) AND l.product_id <> :product
) AS l ON l.basket_id = basket.id
{with_copies}
WHERE basket.refuse_contended(basket.version <> coalesce(before.version, 0) + 1)
ORDER BY l.added_at, l.product_id
"""

_REMOVE = """
WITH before AS (
    SELECT b.id, b.version, EXISTS (
        SELECT FROM basket.lines l WHERE l.basket_id = b.id AND (:product IS NULL OR l.product_id = :product)) AS there
    FROM basket.baskets b WHERE {found}
), basket AS (
    {counted_up} FROM before
    WHERE b.id = before.id AND before.there AND (:expected IS NULL OR before.version = ANY(:expected))
    RETURNING b.id, b.version, b.updated_at
), gone AS (
    DELETE FROM basket.lines l USING basket
    WHERE l.basket_id = basket.id AND (:product IS NULL OR l.product_id = :product) RETURNING l.product_id
)
SELECT coalesce(basket.id, b.id) AS basket_id, coalesce(basket.version, b.version) AS version,
    coalesce(basket.updated_at, b.updated_at) AS updated_at, before.there, basket.id IS NOT NULL AS changed, {item}
FROM before JOIN basket.baskets b ON b.id = before.id LEFT JOIN basket ON true
LEFT JOIN basket.lines l ON l.basket_id = before.id AND l.product_id NOT IN (SELECT product_id FROM gone)
{with_copies}
WHERE basket.refuse_contended(basket.version <> before.version + 1)
ORDER BY l.added_at, l.product_id
"""

_READ = """
SELECT b.id AS basket_id, b.version, b.updated_at, {item}
FROM basket.baskets b LEFT JOIN basket.lines l ON l.basket_id = b.id
{with_copies}
WHERE {found}
ORDER BY l.added_at, l.product_id
"""


def _statement(sql: str, kind: str, *, wanted: str = "") -> TextClause:
    filled = sql.format(
        found=_FOUND[kind],
        locked=_LOCKED[kind],
        counted_up=_COUNTED_UP,
        wanted=wanted,
        item=_ITEM,
        with_copies=_WITH_COPIES,
    )
    types: dict[str, Any] = {
        "product": Uuid,
        "user": Uuid,
        "new_id": Uuid,
        "digest": LargeBinary,
        "new_digest": LargeBinary,
        "quantity": Numeric,
        "largest": Numeric,
        "expected": ARRAY(BigInteger),
        "most_lines": BigInteger,
    }
    used = [bindparam(name, type_=kind_) for name, kind_ in types.items() if f":{name}" in _words(filled)]
    return text(filled).bindparams(*used)


def _words(sql: str) -> set[str]:
    return {word.strip("(),") for word in sql.replace("::", " ").replace("(", " ").replace(")", " ").split()}


_SET_TO = ":quantity"
_ADDED = "coalesce((SELECT quantity FROM before), 0) + :quantity"
_add = {kind: _statement(_PUT, kind, wanted=_ADDED) for kind in _FOUND}
_set = {kind: _statement(_PUT, kind, wanted=_SET_TO) for kind in _FOUND}
_remove = {kind: _statement(_REMOVE, kind) for kind in ("user", "guest")}
_read = {kind: _statement(_READ, kind) for kind in ("user", "guest")}
_lock = {kind: _statement("SELECT b.id FROM basket.baskets b WHERE {found} FOR UPDATE", kind) for kind in _read}


def read_basket(database: Database, owner: Owner) -> Basket:
    """The basket as it stands; an empty one where there is none yet. Raises `NotFound` for an unknown token."""
    if owner.kind == "nobody":
        return NO_BASKET
    rows = database.read(_read[owner.kind], owner.parameters).all()
    if not rows:
        return _none_yet(owner)
    return _basket(rows)


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
    statement = (_add if add else _set)[owner.kind]
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
        raise _why_not(first, owner, expected)
    return _basket(rows)


def remove_lines(
    database: Database, owner: Owner, product_id: UUID | None = None, *, expected: list[int] | None = None
) -> Basket:
    """Remove a line, or all of them; what isn't there is gone already.

    Raises `NotFound` for an unknown token, `Stale`.
    """
    if owner.kind == "nobody":
        return NO_BASKET
    parameters = {**owner.parameters, "product": product_id, "expected": expected}
    rows = _run(database, database, owner, _remove[owner.kind], parameters)
    if not rows:
        return _none_yet(owner)
    if expected is not None and not rows[0].changed and rows[0].version not in expected:
        raise Stale
    return _basket(rows)


def _run(
    runner: Database | Transaction, database: Database, owner: Owner, statement: TextClause, parameters: dict[str, Any]
) -> Sequence[Line]:
    """In one statement; where somebody came between, once more with the basket locked first."""

    def locked(transaction: Transaction) -> Sequence[Line]:
        if owner.kind != "nobody":
            transaction.execute(_lock[owner.kind], owner.parameters)
        return transaction.execute(statement, parameters).all()

    if isinstance(runner, Transaction):
        return locked(runner)
    try:
        return runner.read(statement, parameters).all()
    except DBAPIError as error:
        if not isinstance(error.orig, SerializationFailure):
            raise
        return database.transaction(locked)


def _none_yet(owner: Owner) -> Basket:
    if owner.kind == "guest":
        raise NotFound("basket_not_found")
    return NO_BASKET


def _basket(rows: Sequence[Line]) -> Basket:
    first = rows[0]
    return Basket(first.basket_id, first.version, first.updated_at, [row for row in rows if row.product_id is not None])


def _why_not(row: Line, owner: Owner, expected: list[int] | None) -> DomainError:
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
    if fault is None:
        return Conflict("basket_full", most=MAX_LINES)
    return Invalid([fault], "invalid_quantity")
