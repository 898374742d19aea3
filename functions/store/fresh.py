"""What the store keeps ready in the cache, and how a write makes it fresh again: before the commit and after it."""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from eatit.http.languages import LANGUAGES
from store.database import cache

T = TypeVar("T")

TREE_SECONDS = 60.0
PRODUCT_SECONDS = 5.0  # it says whether the product is available


def product_key(product_id: UUID, language: str) -> str:
    """The key of a product's ready answer."""
    return f"product:{product_id}:{language}"


def tree_key(audience: str) -> str:
    """The key of the category tree's ready answer."""
    return f"categories:{audience}"


def product_keys(product_id: UUID) -> list[str]:
    """All keys that a change of this product makes stale."""
    return [product_key(product_id, language) for language in LANGUAGES]


def tree_keys() -> list[str]:
    """All keys that a change of a category makes stale."""
    return [tree_key(audience) for audience in (*LANGUAGES, "staff")]


def refreshing(keys: list[str], write: Callable[[], T]) -> T:
    """Run a write that makes these keys stale and delete them after its commit, whatever came of it.

    The write itself deletes them once before its commit, so that a filler who read the old row loses its lease.
    """
    try:
        return write()
    finally:
        cache.invalidate(keys)
