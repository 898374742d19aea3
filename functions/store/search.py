"""Search: products by their words, the best first, with what there is of each kind among them.

However large the shop, at most `MOST` matches are ranked and counted; see migration 0019.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from eatit.database import Database, driver_form
from eatit.paging import make_cursor, page_of, read_cursor
from eatit.settings import settings
from store.catalogue import SOLD, Product
from store.narrowing import WITH_DESCENDANTS
from store.search_query import Query, one_off, other_layout, read_query, with_words, words_in
from store.tables import products

MOST = 5000
SHORT_WORD = 4
# Where ranges of prices begin, in minor units: 1, 2, 5, 10 … up to a hundred million roubles.
STEPS = [step * 10**power for power in range(2, 11) for step in (1, 2, 5)]
_FIRST = (2**63 - 1, UUID(int=0))

_search = text("""
    WITH asked AS MATERIALIZED (
        SELECT store.search_query(:words, :before_last, :last) AS query
    ), matched AS MATERIALIZED (
        SELECT m.* FROM asked, store.search_matches(
            asked.query, :code, :key, :key_end, CAST(:below AS uuid[]), :every, :most + 1) m
    ), found AS MATERIALIZED (
        SELECT count(*) AS n FROM matched
    ), best AS (
        -- Of more than are ranked some may be there twice.
        SELECT DISTINCT ON (product_id) * FROM matched WHERE (SELECT n FROM found) > :most
        ORDER BY product_id, score DESC
    ), ranked AS MATERIALIZED (
        SELECT * FROM matched WHERE (SELECT n FROM found) <= :most
        UNION ALL (SELECT * FROM best ORDER BY score DESC, product_id LIMIT :most)
    ), page AS (
        SELECT product_id, score FROM ranked
        WHERE score < :score OR (score = :score AND product_id > :after)
        ORDER BY score DESC, product_id LIMIT :limit
    )
    SELECT
        (SELECT n FROM found) AS found,
        (SELECT coalesce(json_agg(json_build_array(product_id, score) ORDER BY score DESC, product_id), '[]')
            FROM page) AS page,
        (SELECT coalesce(json_agg(json_build_array(id, word, n) ORDER BY n DESC, id), '[]') FROM (
            SELECT c.id, counted.n,
                coalesce(nullif(c.translations -> CAST(:language AS text) ->> 'name', ''), c.name) AS word
            FROM (SELECT category_id, count(*) AS n FROM ranked GROUP BY category_id) counted
            JOIN store.categories c ON c.id = counted.category_id) named) AS categories,
        (SELECT coalesce(json_agg(json_build_array(step, n) ORDER BY step), '[]') FROM
            (SELECT width_bucket(price_amount, CAST(:steps AS bigint[])) AS step, count(*) AS n
                FROM ranked GROUP BY 1) p) AS prices,
        (SELECT coalesce(json_agg(json_build_array(allergen, n) ORDER BY n DESC, allergen), '[]') FROM
            (SELECT allergen, count(*) AS n FROM (SELECT unnest(allergens) AS allergen FROM ranked) u GROUP BY 1) a
        ) AS allergens
""")
_some = driver_form(SOLD.where(products.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))))
# Of words that are wrong the likeliest right ones: the most alike, of these the most frequent. A word of the same stem
# as one of ours is right as it is.
_corrections = text("""
    SELECT typed, word FROM json_to_recordset(CAST(:typed AS json)) AS asked (typed text, near text[]), LATERAL (
        SELECT word, to_tsvector('pg_catalog.russian', word) = to_tsvector('pg_catalog.russian', typed) AS same FROM (
            (SELECT w.word, w.products, CAST(0.6 AS real) AS alike FROM store.search_words w
                WHERE w.word = ANY (near))
            UNION ALL
            (SELECT w.word, w.products, similarity(w.spelling, store.spelling(typed)) FROM store.search_words w
                WHERE w.spelling % store.spelling(typed))
        ) likely
        GROUP BY word, products ORDER BY same DESC, max(alike) DESC, products DESC, word LIMIT 1
    ) nearest
    WHERE NOT same AND NOT EXISTS (SELECT FROM store.search_words k WHERE k.word = typed)
""")


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search: products with their scores; what the matches, or the first `MOST` of them, come to by
    category (its id and name beside the count), by step of prices (see `STEPS`) and by allergen; and the query that was
    run instead of one that nothing matched."""

    rows: list[tuple[Product, float]]
    next_cursor: str | None
    categories: list[tuple[str, str, int]]
    prices: list[tuple[int, int]]
    allergens: list[tuple[str, int]]
    approximate: bool
    corrected: str | None
    query: Query


def search(
    database: Database,
    given: str,
    category: UUID | None,
    *,
    staff: bool,
    language: str,
    limit: int,
    cursor: str | None,
) -> Found:
    """The products that a query matches; `language`: of categories' names. Raises `DomainError` (`invalid_cursor`)."""
    filters = {"q": given, "category": category, "staff": staff}
    score, after = _FIRST if cursor is None else read_cursor(cursor, "-score", filters, [int, UUID])
    below = None
    if category is not None:
        below = list(database.read(WITH_DESCENDANTS, {"category": category}).scalars())
    # The default language's words are the category's own.
    translated = None if language == settings().default_language else language
    place = {"below": below, "every": staff, "language": translated, "score": score, "after": after, "limit": limit + 1}
    query, corrected = read_query(given), None
    found = _asked(database, query, place)
    if not found.found:
        for likely in _likely(database, given, query):
            other = read_query(likely)
            instead = _asked(database, other, place)
            if instead.found:
                query, corrected, found = other, likely, instead
                break
    page, more = page_of(found.page, limit)
    by_id = {str(row.id): row for row in database.rows(_some, {"ids": [entry[0] for entry in page]})}
    rows = [(by_id[key], points / 1_000_000) for key, points in page if key in by_id]
    following = make_cursor("-score", filters, [page[-1][1], page[-1][0]]) if more else None
    return Found(
        rows,
        following,
        found.categories,
        found.prices,
        found.allergens,
        found.found > MOST,
        corrected,
        query,
    )


def _asked(database: Database, query: Query, place: dict[str, Any]) -> Any:
    given = {
        "words": query.words,
        "before_last": query.before_last,
        "last": query.last,
        "code": query.code,
        "key": query.key,
        "key_end": query.key + "\U0010ffff",
        "steps": STEPS,
        "most": MOST,
    }
    return database.read(_search, {**given, **place}).one()


def _likely(database: Database, given: str, query: Query) -> list[str]:
    """What may have been meant, the likeliest first: the other layout of the keyboard, or the nearest words we have."""
    switched = " ".join(read_query(other_layout(given)).words.split())
    corrected = with_words(query, near_words(database, words_in(query)))
    return [text for text in dict.fromkeys((switched, corrected)) if text and text != query.words]


def near_words(database: Database, words: list[str]) -> dict[str, str]:
    """For each word that the shop doesn't have the nearest that it has, if there is one."""
    import orjson

    wrong = [word for word in dict.fromkeys(words) if 2 <= len(word) <= 40][:8]
    if not wrong:
        return {}
    typed = [{"typed": word, "near": _pg_array(one_off(word)) if len(word) <= SHORT_WORD else "{}"} for word in wrong]
    rows = database.read(_corrections, {"typed": orjson.dumps(typed).decode()}).all()
    return {row.typed: row.word for row in rows}


def _pg_array(words: list[str]) -> str:
    return "{" + ",".join(words) + "}"
