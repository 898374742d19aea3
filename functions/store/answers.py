"""How /store answers: units, categories and products as the API shows them, in the caller's language and role."""

from typing import Any

from starlette.requests import Request

from eatit.http.languages import preferred_language
from eatit.money import decimal_text, quantity_text
from eatit.security import Caller
from eatit.settings import settings
from store.catalogue import Product
from store.categories import Category
from store.units import Unit

_WORDS = ("name", "description", "composition", "storage_conditions")


def audience_of(request: Request, caller: Caller | None) -> str:
    """For whom an answer is made: `staff`, who see the default language and all translations, or a language."""
    if caller is not None and caller.is_staff:
        return "staff"
    return preferred_language(request.headers.get("accept-language"), settings().default_language)


def language_of(audience: str) -> str:
    """The language that an audience is answered in."""
    return settings().default_language if audience == "staff" else audience


def told(row: Any, audience: str, words: tuple[str, ...] = ("name",)) -> dict[str, Any]:
    """An entity's words in the language of its audience; staff get the translations beside the default language."""
    words_told = row.translations.get(audience, {}) if audience not in ("staff", settings().default_language) else {}
    answer: dict[str, Any] = {word: words_told.get(word) or getattr(row, word) for word in words}
    if audience == "staff":
        answer["translations"] = row.translations
    return answer


def history_of(row: Any) -> dict[str, Any]:
    """What every entity tells of its changes."""
    return {"version": row.version, "created_at": row.created_at, "updated_at": row.updated_at}


def unit_answer(row: Unit, audience: str) -> dict[str, Any]:
    """A unit."""
    own = {"id": row.id, "code": row.code, "dimension": row.dimension, "factor": decimal_text(row.factor)}
    own["cefact_code"] = row.cefact_code
    return {**own, **told(row, audience), **history_of(row)}


def category_answer(row: Category, depth: int, audience: str) -> dict[str, Any]:
    """A category."""
    own = {"id": row.id, "slug": row.slug, "parent_id": row.parent_id, "position": row.position, "depth": depth}
    return {**own, **told(row, audience), **history_of(row)}


def product_answer(row: Product, audience: str) -> dict[str, Any]:
    """A product."""
    low = {} if row.low_stock_at is None else {"low_stock_at": quantity_text(row.low_stock_at)}
    return {
        "id": row.id,
        "sku": row.sku,
        "barcode": row.barcode,
        **told(row, audience, _WORDS),
        "category_id": row.category_id,
        "unit_id": row.unit_id,
        "unit": row.unit,
        "pack_size": decimal_text(row.pack_size),
        "quantity_step": quantity_text(row.quantity_step),
        "min_quantity": quantity_text(row.min_quantity),
        "max_quantity": None if row.max_quantity is None else quantity_text(row.max_quantity),
        "price": {"amount": row.price_amount, "currency": row.currency},
        "sold_by": row.sold_by,
        "unit_price": {
            "price": {"amount": row.unit_price_amount, "currency": row.currency},
            "per": row.unit_price_per,
        },
        "nutrition": row.nutrition,
        "allergens": row.allergens,
        "status": row.status,
        "photos": row.photos,
        "available": row.available,
        **({"low_stock_at": None, **low} if audience == "staff" else {}),
        **history_of(row),
    }
