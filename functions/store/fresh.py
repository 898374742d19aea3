"""What the store keeps ready in the cache, and how a write makes it fresh again: before the commit and after it.

Products and first pages of them live for five seconds, for they say what is available; the rest for sixty. Staff read
the database. docs/cache.md says what is promised and why it holds.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from eatit.database import Transaction
from eatit.http.languages import LANGUAGES
from store.database import cache, database, idempotency
from store.narrowing import Filters

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

T = TypeVar("T")

CONSTANT_SECONDS = 60.0
PRODUCT_SECONDS = 5.0  # it says whether the product is available

# Generations: a write ends one, and with it all that was kept under it.
PAGES = "generation:pages"  # first pages of products
WAREHOUSES = "generation:warehouses"  # pages of warehouses, and products: one that closes takes its goods along
UNITS = "generation:units"  # pages of units

KEPT_LIMITS = frozenset({10, 20, 50, 100})


def product_key(product_id: UUID, language: str) -> str:
    """The key of a product's ready answer, which stands under WAREHOUSES."""
    return f"product:{product_id}:{language}"


def page_key(filters: Filters, sort: str, limit: int, language: str) -> str | None:
    """The key of a first page's ready answer, which stands under PAGES; `None` for one that isn't worth keeping.

    Kept are the pages that a shop's front shows to everybody. What is typed in (`q`, prices) would make keys without
    end, and so would sets of allergens.
    """
    typed = (filters.q, filters.min_price, filters.max_price)
    if limit not in KEPT_LIMITS or filters.allergen_free or any(value is not None for value in typed):
        return None
    return f"page:{sort}:{limit}:{filters.category}:{filters.warehouse}:{filters.in_stock}:{filters.status}:{language}"


def tree_key(language: str) -> str:
    """The key of the category tree's ready answer."""
    return f"categories:{language}"


def product_keys(*product_ids: UUID) -> list[str]:
    """All keys that a change of these products, or of their stock, makes stale; with none those of a new one."""
    return [PAGES, *(product_key(product_id, language) for product_id in product_ids for language in LANGUAGES)]


def tree_keys() -> list[str]:
    """All keys that a change of a category makes stale: a page of a category has what is below it."""
    return [PAGES, *(tree_key(language) for language in LANGUAGES)]


def warehouse_keys() -> list[str]:
    """All keys that a change of a warehouse makes stale."""
    return [WAREHOUSES, PAGES]


def unit_keys() -> list[str]:
    """All keys that a change of a unit makes stale. Products show a unit's code, which is fast while they do; their
    pages go all the same."""
    return [UNITS, PAGES]


def refreshing(keys: list[str], write: Callable[[], T]) -> T:
    """Run a write that makes these keys stale and delete them after its commit, whatever came of it.

    The write itself deletes them once before its commit, so that a filler who read the old row loses its lease.
    """
    try:
        return write()
    finally:
        cache.invalidate(keys)


def change(keys: list[str], work: Callable[[Transaction], T]) -> T:
    """One transaction that makes these keys stale; `work` as `Database.transaction` has it."""
    return refreshing(keys, lambda: database.transaction(_told_before(keys, work)))


def post(request: "Request", caller_id: UUID, keys: list[str], work: "Callable[[Transaction], Response]") -> "Response":
    """The same for a POST with its idempotency key."""
    return refreshing(keys, lambda: idempotency.post(request, str(caller_id), _told_before(keys, work)))


def _told_before(keys: list[str], work: Callable[[Transaction], T]) -> Callable[[Transaction], T]:
    def told(transaction: Transaction) -> T:
        result = work(transaction)
        cache.invalidate(keys)
        return result

    return told
