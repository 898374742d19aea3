"""The category tree: any depth, no cycles, read whole."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, func, insert, literal, select, text, update

from eatit.database import Database, Transaction, refusing
from eatit.errors import Conflict, Fault, Invalid, NotFound, check_version
from eatit.identifiers import uuid7
from store.tables import categories

Category = Row[Any]
CATEGORY = ("category", "категория")

_one = select(categories).where(categories.c.id == bindparam("id"))
_one_locked = _one.with_for_update()
_all = select(categories)
# Moves are made one after another: two at once could each be sound and close a cycle together.
_lock_tree = select(func.pg_advisory_xact_lock(literal(5_720_311)))
_constraints = {
    "categories_slug_key": Conflict("slug_taken"),
    "categories_parent_id_fkey": Conflict("in_use", by=("categories", "категории")),
    "products_category_id_fkey": Conflict("in_use", by=("products", "товары")),
}
_unknown_parent = {
    **_constraints,
    "categories_parent_id_fkey": Invalid([Fault("/parent_id", "unknown_reference", {"what": CATEGORY})]),
}
_is_below = text("""
    WITH RECURSIVE above(id, parent_id) AS (
        SELECT id, parent_id FROM store.categories WHERE id = :start
        UNION SELECT c.id, c.parent_id FROM store.categories c JOIN above a ON c.id = a.parent_id
    ) SELECT EXISTS (SELECT FROM above WHERE id = :id)
""")

_depth_of = text("""
    WITH RECURSIVE above(id, parent_id) AS (
        SELECT id, parent_id FROM store.categories WHERE id = :start
        UNION SELECT c.id, c.parent_id FROM store.categories c JOIN above a ON c.id = a.parent_id
    ) SELECT count(*) - 1 FROM above
""")


def whole_tree(database: Database) -> list[tuple[Category, int]]:
    """Every category after its parent, siblings by position then name, each with its depth."""
    below: dict[UUID | None, list[Category]] = defaultdict(list)
    for row in database.read(_all):
        below[row.parent_id].append(row)
    ordered: list[tuple[Category, int]] = []
    waiting = [(row, 0) for row in _siblings(below[None])]
    while waiting:
        row, depth = waiting.pop()
        ordered.append((row, depth))
        waiting.extend((child, depth + 1) for child in _siblings(below[row.id]))
    return ordered


def _siblings(rows: list[Category]) -> list[Category]:
    """In reverse, as they wait on a stack."""
    return sorted(rows, key=lambda row: (row.position, row.name.casefold(), row.id), reverse=True)


def category_by_id(database: Database, category_id: UUID) -> tuple[Category, int]:
    """The category and its depth. Raises `NotFound`."""
    row = database.read(_one, {"id": category_id}).one_or_none()
    if row is None:
        raise NotFound
    return row, database.read(_depth_of, {"start": category_id}).scalar_one()


def create_category(transaction: Transaction, given: dict[str, Any]) -> tuple[Category, int]:
    """Make a category. Raises `Conflict` (`slug_taken`), `Invalid` for an unknown parent."""
    with refusing(_unknown_parent):
        row = transaction.execute(insert(categories).values(id=uuid7(), **given).returning(categories)).one()
    return row, transaction.execute(_depth_of, {"start": row.id}).scalar_one()


def change_category(
    transaction: Transaction, category_id: UUID, given: dict[str, Any], expected: list[int] | None
) -> tuple[Category, int]:
    """Change or move a category.

    Raises `NotFound`, `Stale`, `Conflict` (`slug_taken`, `category_cycle`), `Invalid` for an unknown parent.
    """
    if "parent_id" in given:
        transaction.execute(_lock_tree)
    row = _locked(transaction, category_id, expected)
    changes = {name: value for name, value in given.items() if row._mapping[name] != value}
    if not changes:
        return row, transaction.execute(_depth_of, {"start": category_id}).scalar_one()
    parent = changes.get("parent_id")
    if parent is not None and transaction.execute(_is_below, {"start": parent, "id": category_id}).scalar_one():
        raise Conflict("category_cycle")
    statement = (
        update(categories)
        .where(categories.c.id == category_id)
        .values(**changes, version=categories.c.version + 1, updated_at=func.now())
        .returning(categories)
    )
    with refusing(_unknown_parent):
        row = transaction.execute(statement).one()
    return row, transaction.execute(_depth_of, {"start": category_id}).scalar_one()


def delete_category(transaction: Transaction, category_id: UUID, expected: list[int] | None) -> None:
    """Delete a category that holds nothing. Raises `NotFound`, `Stale`, `Conflict` (`in_use`)."""
    _locked(transaction, category_id, expected)
    with refusing(_constraints):
        transaction.execute(delete(categories).where(categories.c.id == category_id))


def _locked(transaction: Transaction, category_id: UUID, expected: list[int] | None) -> Category:
    row = transaction.execute(_one_locked, {"id": category_id}).one_or_none()
    if row is None:
        raise NotFound
    check_version(row.version, expected)
    return row
