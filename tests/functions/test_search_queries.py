"""What may be asked of search and suggestions: typos, any garbage at all, and what isn't a query."""

import uuid
from urllib.parse import urlencode

import pytest

from tests.functions.calls import call, good, product
from tests.functions.searches import coined, search, suggest


def test_a_typo_is_corrected_by_the_shops_own_words(staff: str) -> None:
    stem = coined("картош")
    made = product(staff, name=f"Свежая {stem} мытая")
    wrong = stem[:4] + stem[5:]
    body = good(search(wrong))
    assert body["corrected_query"] == stem
    assert [item["id"] for item in body["items"]] == [made["id"]]
    assert f"<mark>{stem}</mark>" in body["items"][0]["highlights"]["name"]
    body = good(search(f"свежую {wrong}"))
    assert body["corrected_query"] == f"свежую {stem}"
    assert [item["id"] for item in body["items"]] == [made["id"]]
    assert suggest(wrong) == [{"text": f"Свежая {stem} мытая", "product_id": made["id"]}]
    nothing = good(search(uuid.uuid4().hex))
    assert (nothing["items"], nothing["next_cursor"]) == ([], None)
    assert nothing["facets"] == {"categories": [], "price_ranges": [], "allergens": []}
    assert "corrected_query" not in nothing


@pytest.mark.parametrize(
    ("typed", "meant"), [("малако", "молоко"), ("vjkjrj", "молоко"), ("сыыр", "сыр"), ("сыс", "сыр")]
)
def test_usual_mistakes_are_understood(staff: str, typed: str, meant: str) -> None:
    product(staff, name=meant.capitalize())
    body = good(search(typed))
    assert body["corrected_query"] == meant
    assert body["items"]
    assert any(meant in item["text"].lower() for item in suggest(typed))


GARBAGE = [
    "'", '"', '"""', "-", "--", "- -", "-молоко", "!молоко", "молоко & | ! ( ) : *", ":*", "a:*", "'a' <-> b", "<5>",
    "or", "or or or", "и", "the", "и в на", "\\", "\\'", "%", "_", "%%%s%(q)s", "$1", "молоко\t\n\r", " " * 200,
    "молоко" * 33,
    "\U0001f95b", "\U0001f95bмолоко\U0001f95b", "\u200b", "\u202eокол\u202c", "е\u0308", "\ufdfa" * 11, "ß", "İ",
    "\ue000",
    "\U0010ffff", "\U000e0001", "<script>", "&amp;", "{}", "[]", "{a,b}", "1" * 200, "0", "00000000", "3,2 %", "-1e309",
    "a" * 200, '"' * 199, '-"' * 99, "a -b " * 40, "a or " * 40, "молоко -", '"молоко', "@#=", "=молок",
    "#1", "@1", "a'@b",
]  # fmt: skip


@pytest.mark.parametrize("q", GARBAGE)
def test_any_text_is_a_query(q: str) -> None:
    body = good(search(q))
    assert set(body) >= {"items", "next_cursor", "facets", "facets_approximate"}
    if len(q) >= 2:
        assert len(suggest(q)) <= 10


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("search", {}),
        ("search", {"q": ""}),
        ("search", {"q": "а" * 201}),
        ("search", {"q": "а\0б"}),
        ("search", {"q": "а", "limit": "0"}),
        ("search", {"q": "а", "limit": "101"}),
        ("search", {"q": "а", "category": "x"}),
        ("search", {"q": "а", "cursor": "ё"}),
        ("suggest", {}),
        ("suggest", {"q": "а"}),
        ("suggest", {"q": "а" * 201}),
        ("suggest", {"q": "а\0б"}),
    ],
)
def test_what_isnt_a_query_is_refused(path: str, given: dict[str, str]) -> None:
    answer = call("GET", f"/store/{path}?{urlencode(given)}")
    assert answer.status == 422, answer
    assert answer.body["code"] in ("invalid_parameter", "invalid_cursor")
