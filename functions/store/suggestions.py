"""Suggestions while somebody types: categories and products by the start of their names or of any word in them.

However large the shop and however common the start, a few rows of indexes are read; see migration 0011.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from eatit.database import Database
from store.search import near_words
from store.search_query import other_layout, plain, read_query, with_words, words_in

MOST = 10
MOST_CATEGORIES = 4

_categories = text("""
    SELECT id, name FROM (
        SELECT *, position(' ' || :key IN ' ' || lower(translate(name, 'Ёё-(«"', 'Ее    '))) AS place
        FROM (SELECT c.id, c.position, coalesce(c.translations -> CAST(:language AS text) ->> 'name', c.name) AS name
            FROM store.categories c) told
    ) found
    WHERE place > 0 ORDER BY place > 1, position, name, id LIMIT 10
""")
_by_name = text("""
    SELECT p.id, coalesce(p.translations -> CAST(:language AS text) ->> 'name', p.name) AS name FROM (
        (SELECT n.product_id, n.name_key AS key FROM store.search_texts n
            WHERE n.active AND n.name_key >= :key AND n.name_key < :key_end ORDER BY n.name_key, n.product_id LIMIT 30)
        UNION ALL
        (SELECT o.product_id, o.other_key FROM store.search_texts o
            WHERE o.active AND o.other_key IS NOT NULL AND o.other_key >= :key AND o.other_key < :key_end
            ORDER BY o.other_key, o.product_id LIMIT 30)
    ) found JOIN store.products p ON p.id = found.product_id
    ORDER BY found.key, p.id
""")
# A word's examples may have gone or been renamed since.
_by_word = text("""
    SELECT w.word, p.id, coalesce(p.translations -> CAST(:language AS text) ->> 'name', p.name) AS name FROM (
        SELECT word, products, examples FROM store.search_words
        WHERE "left"(word, 2) = "left"(:word, 2) AND word >= :word AND word < :word_end
        ORDER BY products DESC, word LIMIT 8
    ) w
    LEFT JOIN LATERAL (
        SELECT product_id, place FROM unnest(w.examples) WITH ORDINALITY AS example (id, place)
        JOIN store.search_texts t ON t.product_id = example.id AND t.active
            AND position(w.word IN t.name_key || ' ' || coalesce(t.other_key, '')) > 0
        LIMIT 12
    ) example ON true
    LEFT JOIN store.products p ON p.id = example.product_id
    ORDER BY example.place, w.products DESC, w.word, p.id
""")
_by_words = text("""
    SELECT p.id, coalesce(p.translations -> CAST(:language AS text) ->> 'name', p.name) AS name FROM (
        SELECT t.product_id FROM store.search_texts t
        WHERE t.active AND t.document @@ store.in_names(store.search_query(:words, :before_last, :last)) LIMIT 20
    ) found JOIN store.products p ON p.id = found.product_id ORDER BY p.name_key, p.id
""")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What may be meant: a category or a product, one of the two ids."""

    text: str
    product_id: UUID | None = None
    category_id: UUID | None = None


def suggest(database: Database, given: str, language: str) -> list[Suggestion]:
    """Up to ten suggestions, no text twice, categories first; of what is on sale alone.

    `language` is the one that names are told in, "" for the default. What fits nothing is tried as typed on the other
    layout of the keyboard, then with its words as we spell them.
    """
    found = _suggested(database, given, language)
    if found or not plain(given).strip():
        return found
    found = _suggested(database, other_layout(given), language)
    if found:
        return found
    query = read_query(given)
    nearest = near_words(database, words_in(query))
    return _suggested(database, with_words(query, nearest), language) if nearest else []


def _suggested(database: Database, given: str, language: str) -> list[Suggestion]:
    query = read_query(given)
    if not query.key:
        return []
    asked = {"key": query.key, "key_end": query.key + "\U0010ffff", "language": language}
    found: dict[str, Suggestion] = {}
    for row in database.read(_categories, {"key": query.key, "language": language}):
        if len(found) < MOST_CATEGORIES:
            found.setdefault(row.name.casefold(), Suggestion(row.name, category_id=row.id))
    _add(found, database.read(_by_name, asked).all())
    if len(found) < MOST:
        _add(found, _inside(database, given, language))
    return list(found.values())


def _inside(database: Database, given: str, language: str) -> list[Any]:
    """Products with the words inside their names, the last of them begun."""
    query = read_query(given)
    words = words_in(query)
    if not words:
        return []
    if len(words) > 1:
        parts = {"words": query.words, "before_last": query.before_last, "last": query.last}
        return list(database.read(_by_words, {**parts, "language": language}).all())
    word = words[0]
    place = {"word": word, "word_end": word + "\U0010ffff", "language": language}
    rows = database.read(_by_word, place).all()
    known = [row for row in rows if row.id is not None]
    if known or not rows:
        return known
    whole = {"words": rows[0].word, "before_last": "", "last": "", "language": language}
    return list(database.read(_by_words, whole).all())


def _add(found: dict[str, Suggestion], rows: list[Any] | Any) -> None:
    for row in rows:
        if len(found) >= MOST:
            return
        found.setdefault(row.name.casefold(), Suggestion(row.name, product_id=row.id))
