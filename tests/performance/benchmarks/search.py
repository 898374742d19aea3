"""Search and suggestions among a million products, against the same among a thousand, by `handler(event)`."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import text

from tests.performance.benchmarks.figures import Figure, in_turn, logs_in_a_file, processor_seconds
from tests.performance.requests_of import Shop, rest_event
from tests.performance.two_shops import at, two_shops

ROUNDS, WARM = 60, 10
# By what is asked: the commonest word of names, one of most compositions, several words, a category's, a rare word, one
# only begun, a typo; and likewise for suggestions.
SEARCHES = {
    "the commonest word (молоко)": {"q": "молоко"},
    "a word of most compositions (вода)": {"q": "вода"},
    "two words, the second begun": {"q": "творог классич"},
    "three words of most compositions": {"q": "вода соль сахар"},
    "one of two words of most compositions": {"q": "соль or сахар"},
    "a word inside every sixth name": {"q": "классический"},
    "the commonest word in a category with descendants": {
        "q": "молоко",
        "category": "0190aaaa-0000-7000-8000-000000000001",
    },
    "a product's sku": {"q": "MANY-00000777"},
    "a word with a typo": {"q": "смитана"},
}
SUGGESTIONS = {
    "two letters": {"q": "мо"},
    "the start of the commonest word": {"q": "моло"},
    "the start of a word inside names": {"q": "класси"},
    "a word with a typo": {"q": "смитан"},
}
SUGGEST_AIM, SEARCH_AIM = 3, 10
# What this very transaction has read from one end to the other.
_scans = text("""
    SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_xact_user_tables
    WHERE schemaname = 'store' AND relname IN ('products', 'search_texts', 'search_words')
""")


def figures(stack: Mapping[str, Any], _shop: Shop) -> list[Figure]:
    """A figure for each kind of search and of suggestion. Raises `AssertionError` where the million were read whole."""
    from eatit.database import Database
    from store.app import handler
    from store.database import database as own
    from store.endpoints import search, suggest

    with two_shops(stack) as urls, logs_in_a_file():
        shops = []
        for url in urls:
            with at(url):
                shops.append(Database("store"))
                shops[-1].read(text("SELECT 1"))

        def asking(
            path: str, query: Mapping[str, str], shop: Any, times: list[float] | None = None
        ) -> Callable[[], Any]:
            event = rest_event("GET", path, query=query)

            def ask() -> Any:
                for endpoint in (search, suggest):
                    setattr(endpoint, "database", shop)  # noqa: B010
                answer = handler(event, None)
                assert answer["statusCode"] == 200, answer
                return json.loads(answer["body"])

            return ask

        told = []
        try:
            for name, path, kinds, most in (
                ("Search", "/store/search", SEARCHES, SEARCH_AIM),
                ("Suggest", "/store/suggest", SUGGESTIONS, SUGGEST_AIM),
            ):
                for kind, query in kinds.items():
                    few, many = (asking(path, query, shop) for shop in shops)
                    assert many()["items"], query

                    def scanned(transaction: Any, ask: Callable[[], Any] = many) -> int:
                        ask()
                        return int(transaction.execute(_scans).scalar_one())

                    assert shops[1].transaction(scanned) == 0, f"{kind}: a million rows were read one after the other"
                    for _ in range(WARM):
                        few(), many()
                    timed, peer = _Timed(many, shops[1]), _Timed(few, shops[0])
                    ratio = in_turn(timed, peer, rounds=ROUNDS, batch=1)
                    aimed = " (aim: under 50)" if name == "Search" else ""
                    also = (
                        f"p95 {timed.p95:.1f} ms{aimed}, the peer's {peer.p95:.1f}; of processor {timed.processor:.1f}"
                    )
                    told.append(
                        Figure(f"{name}, 1,000,000 products: {kind}", "the same, 1,000 products", ratio, most, also)
                    )
        finally:
            for endpoint in (search, suggest):
                setattr(endpoint, "database", own)  # noqa: B010
        for shop in shops:
            shop.close()
    return told


class _Timed:
    """Calls, each of whose times is kept, in milliseconds."""

    def __init__(self, call: Callable[[], Any], shop: Any) -> None:
        self._call = call
        self._backend = shop.read(text("SELECT pg_backend_pid()")).scalar_one()
        self._taken: list[float] = []
        self._processor: list[float] = []

    def __call__(self) -> Any:
        from time import perf_counter

        spent, begun = processor_seconds(self._backend), perf_counter()
        answer = self._call()
        self._taken.append((perf_counter() - begun) * 1000)
        self._processor.append((processor_seconds(self._backend) - spent) * 1000)
        return answer

    @property
    def p95(self) -> float:
        """What 95 of 100 calls took at most by the clock, the first left out."""
        return statistics.quantiles(self._taken[1:], n=20)[-1]

    @property
    def processor(self) -> float:
        """The same of the processors' time."""
        return statistics.quantiles(self._processor[1:], n=20)[-1]
