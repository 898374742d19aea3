"""The shapes that search and suggestions are answered in."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from eatit.http.shapes import Answer
from store.models import Allergen, ProductAnswer


class HighlightsAnswer(Answer):
    """HTML-escaped, with what matched in `<mark>`. `snippet`: the part of the description or composition that
    matched, null where neither did."""

    name: str
    snippet: str | None


class FoundProduct(ProductAnswer):
    """A product that was found. `score`: the whole part says how it was found (4 by sku or barcode, 3 by its very name,
    2 by how its name begins, 1 by words of its name, 0 by words elsewhere), the fraction ranks it among those."""

    score: float
    highlights: HighlightsAnswer


class CategoryCount(Answer):
    """How many of the matches are in a category, its descendants not counted."""

    category_id: UUID
    name: str
    count: int


class PriceRangeCount(Answer):
    """How many of the matches cost so much: both bounds inclusive, in minor units, as the lists' filters take them."""

    min_price: int
    max_price: int | None
    count: int


class AllergenCount(Answer):
    """How many of the matches contain an allergen."""

    allergen: Allergen
    count: int


class Facets(Answer):
    """What the matches are."""

    categories: list[CategoryCount]
    price_ranges: list[PriceRangeCount]
    allergens: list[AllergenCount]


class SearchAnswer(Answer):
    """A page of what was found, the best first. `facets_approximate`: more than 5,000 products match, of which the best
    kinds of matches were ranked and counted. `corrected_query`: what was looked for instead, since what was typed
    matches nothing; absent otherwise."""

    items: list[FoundProduct]
    next_cursor: str | None
    facets: Facets
    facets_approximate: bool
    corrected_query: Annotated[str, Field(default="")]


class SuggestionAnswer(Answer):
    """A suggestion; it has one of the two ids."""

    text: str
    product_id: Annotated[UUID | None, Field(default=None)]
    category_id: Annotated[UUID | None, Field(default=None)]


class SuggestionList(Answer):
    """Up to ten suggestions, categories first, no text twice."""

    items: list[SuggestionAnswer]
