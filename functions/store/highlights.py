"""Why a product was found: its words that match marked, in text that is safe to put into HTML."""

import re
from collections.abc import Iterable
from html import escape

from sqlalchemy import text

from eatit.database import Database
from store.search_query import Query, plain, words_in

LONGEST_TEXT = 3000
BEFORE, AFTER = 6, 22
_WORD = re.compile(r"[^\W_]+")
_matching = text("""
    SELECT word FROM unnest(CAST(:words AS text[])) AS word, (
        SELECT CAST(string_agg(nullif(CAST(plainto_tsquery('pg_catalog.russian', one) AS text), ''), ' | ') AS tsquery)
            AS query
        FROM unnest(CAST(:asked AS text[])) AS one
    ) asked
    WHERE to_tsvector('pg_catalog.russian', word) @@ asked.query
""")


class Highlights:
    """Marks in texts the words that a query matches, whichever of their forms it was asked with."""

    def __init__(self, database: Database, query: Query, texts: Iterable[str | None]) -> None:
        found = {plain(word) for given in texts if given for word in _WORD.findall(given[:LONGEST_TEXT])}
        asked = words_in(query)
        self._start = query.key.rpartition(" ")[2] if query.last or len(query.key) > 1 else ""
        rows = database.read(_matching, {"words": sorted(found), "asked": asked}).scalars() if asked and found else ()
        self._matching = set(rows)

    def whole(self, given: str) -> str:
        """All of a text, with its matches in `<mark>`, HTML-escaped."""
        return self._marked(given, list(_WORD.finditer(given)))

    def snippet(self, *texts: str | None) -> str | None:
        """Of the first text that has a match the part around it, HTML-escaped; `None` where none has."""
        for given in texts:
            words = list(_WORD.finditer(given[:LONGEST_TEXT])) if given else []
            place = next((place for place, word in enumerate(words) if self._matches(word.group())), None)
            if given is None or place is None:
                continue
            first, last = max(0, place - BEFORE), min(len(words), place + AFTER) - 1
            start = words[first].start() if first else 0
            end = words[last].end() if last < len(words) - 1 else len(given[:LONGEST_TEXT])
            cut = given[start:end]
            told = self._marked(cut, list(_WORD.finditer(cut)))
            return f"{'… ' if start else ''}{told}{' …' if end < len(given) else ''}"
        return None

    def _matches(self, word: str) -> bool:
        bare = plain(word)
        return bare in self._matching or bool(self._start and bare.startswith(self._start))

    def _marked(self, given: str, words: "list[re.Match[str]]") -> str:
        parts, place = [], 0
        for word in words:
            if self._matches(word.group()):
                parts += [escape(given[place : word.start()]), "<mark>", escape(word.group()), "</mark>"]
                place = word.end()
        return "".join([*parts, escape(given[place:])])
