"""What the tests of search share: words that nothing else has, queries and suggestions."""

import uuid
from typing import Any
from urllib.parse import urlencode

from tests.functions.calls import Answer, call, good

LETTERS = "абвгдежзиклмнопр"


def coined(prefix: str = "") -> str:
    """A word of the shop's language that nothing else has."""
    return prefix + "".join(LETTERS[int(digit, 16)] for digit in uuid.uuid4().hex[:10])


def search(q: str, *, token: str | None = None, language: str = "ru", **given: Any) -> Answer:
    """A search, in a language."""
    query = {"q": q, **{name: str(value) for name, value in given.items()}}
    return call("GET", f"/store/search?{urlencode(query)}", token=token, headers={"Accept-Language": language})


def found(q: str, **given: Any) -> list[str]:
    """The ids of what a search finds, the best first."""
    return [item["id"] for item in good(search(q, **given))["items"]]


def suggest(q: str, language: str = "ru") -> list[dict[str, Any]]:
    """What is suggested for the beginning of a query."""
    answer = call("GET", f"/store/suggest?{urlencode({'q': q})}", headers={"Accept-Language": language})
    items: list[dict[str, Any]] = good(answer)["items"]
    return items
