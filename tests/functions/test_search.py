"""What search finds and suggests: both languages, endings, codes, marks, facets, pages, and what was just changed."""

import html
import re
import uuid
from typing import Any

import pytest

from tests.functions.calls import call, good, product, unique
from tests.functions.searches import coined, found, search, suggest


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Молоко", ["молоко", "молока", "молоку", "МОЛОКОМ"]),
        ("Ёжики в тумане", ["ёжик", "ежики", "Ежика"]),
        ("Milk of cows", ["milk", "milks", "Cow"]),
        ("Кофе-машина «Заря»", ["кофе машина", "заря", "машину"]),
        ("Сыр плавленый", ["плавл", "сыр плав", '"сыр плавленый"', "плавленый -копчёный"]),
        ("И\u0306огурт", ["йогурт"]),
        ("Шоколад\u200bный\xad торт", ["шоколадный торт"]),
    ],
)
def test_words_are_found_in_all_their_forms(staff: str, category: str, name: str, asked: list[str]) -> None:
    good_one = product(staff, name=name, category_id=category)["id"]
    other = product(staff, name="Гвозди", category_id=category)["id"]
    for q in asked:
        ids = found(q, category=category)
        assert good_one in ids, q
        assert other not in ids, q


def test_a_new_product_and_a_changed_name_are_found_at_once(staff: str) -> None:
    first, second = coined(), coined()
    made = product(staff, name=f"Хлеб {first}")
    assert found(first) == [made["id"]]
    good(call("PATCH", f"/store/products/{made['id']}", {"name": f"Хлеб {second}"}, token=staff))
    assert found(first) == []
    assert found(second) == [made["id"]]
    assert [item["text"] for item in suggest(second)] == [f"Хлеб {second}"]
    assert suggest(first) == []


def test_names_weigh_more_than_descriptions_and_these_more_than_composition(staff: str, category: str) -> None:
    word = coined()
    composed = product(staff, name="Первый", composition=f"вода, {word}", category_id=category)["id"]
    described = product(staff, name="Второй", description=f"Как {word}", category_id=category)["id"]
    named = product(staff, name=f"Третий {word}", category_id=category)["id"]
    begun = product(staff, name=f"{word} четвёртый", category_id=category)["id"]
    very = product(staff, name=word, category_id=category)["id"]
    items = good(search(word))["items"]
    assert [item["id"] for item in items] == [very, begun, named, described, composed]
    scores = [item["score"] for item in items]
    assert scores == sorted(scores, reverse=True)
    assert [int(score) for score in scores] == [3, 2, 1, 0, 0]


def test_a_translation_finds_and_the_answer_is_in_the_callers_language(staff: str) -> None:
    word = "Q" + uuid.uuid4().hex[:9].translate(str.maketrans("0123456789", "ghijklmnop"))
    words = {"en": {"name": f"Smoked {word}", "description": "From the north"}}
    made = product(staff, name="Осётр горячего копчения", description="С севера", translations=words)
    answer = search(f"smokes {word}", language="en")
    (item,) = good(answer)["items"]
    assert (item["id"], item["name"], item["description"]) == (made["id"], f"Smoked {word}", "From the north")
    assert item["highlights"]["name"] == f"<mark>Smoked</mark> <mark>{word}</mark>"
    assert answer.headers["content-language"] == "en"
    assert answer.headers["vary"].startswith("Accept-Language")
    (item,) = good(search(word, language="ru"))["items"]
    assert item["name"] == "Осётр горячего копчения"
    assert "translations" not in item
    assert good(search(word, token=staff))["items"][0]["translations"] == words
    assert suggest(f"smoked {word}", "en") == [{"text": f"Smoked {word}", "product_id": made["id"]}]
    assert suggest(f"smoked {word}", "ru") == [{"text": "Осётр горячего копчения", "product_id": made["id"]}]


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_what_isnt_sold_only_staff_find(staff: str, customer: Any, status: str) -> None:
    word = coined()
    made = product(staff, name=f"Тайна {word}")
    assert found(word) == [made["id"]]
    good(call("PATCH", f"/store/products/{made['id']}", {"status": status}, token=staff))
    assert found(word) == []
    assert found(made["sku"]) == []
    assert found(word, token=customer["access_token"]) == []
    assert found(word, token=staff) == [made["id"]]
    assert suggest(word) == []
    good(call("PATCH", f"/store/products/{made['id']}", {"status": "active"}, token=staff))
    assert found(word) == [made["id"]]


def test_the_very_sku_and_barcode_come_first(staff: str) -> None:
    sku = unique("Sku/7").upper()
    digits = f"02{uuid.uuid4().int % 10**10:010d}"
    barcode = digits + str(-sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10)
    made = product(staff, sku=sku, barcode=barcode)
    product(staff, name=f"Похож на {sku} и на {barcode}")
    for q in (sku, sku.lower(), f" {sku} ", barcode, barcode.lstrip("0")):
        items = good(search(q))["items"]
        assert (items[0]["id"], items[0]["score"]) == (made["id"], 4), q
    good(call("PATCH", f"/store/products/{made['id']}", {"sku": unique("sku")}, token=staff))
    assert made["id"] not in found(sku)


def test_a_category_narrows_with_all_that_is_below_it(staff: str, category: str) -> None:
    word = coined()
    body = {"name": "Ниже", "slug": unique("c"), "parent_id": category}
    below = good(call("POST", "/store/categories", body, token=staff), 201)["id"]
    high = product(staff, name=f"{word} один", category_id=category)["id"]
    low = product(staff, name=f"Два {word}", category_id=below)["id"]
    outside = product(staff, name=f"{word} три")["id"]
    assert set(found(word, category=category)) == {high, low}
    assert found(word, category=below) == [low]
    good(call("PATCH", f"/store/products/{outside}", {"category_id": below}, token=staff))
    assert set(found(word, category=below)) == {low, outside}
    assert found(word, category=uuid.uuid4()) == []


def test_highlights_are_safe_and_mark_what_matched(staff: str) -> None:
    word = coined()
    made = product(
        staff,
        name=f"<script>alert('{word}')</script> & \"Кº\"",
        description=f"{'слово ' * 60}<img src=x onerror={word}> {'хвост ' * 60}",
    )
    (item,) = good(search(word))["items"]
    assert item["id"] == made["id"]
    name, snippet = item["highlights"]["name"], item["highlights"]["snippet"]
    assert name == f"&lt;script&gt;alert(&#x27;<mark>{word}</mark>&#x27;)&lt;/script&gt; &amp; &quot;Кº&quot;"
    assert html.unescape(re.sub("</?mark>", "", name)) == made["name"]
    assert f"&lt;img src=x onerror=<mark>{word}</mark>&gt;" in snippet
    assert snippet.startswith("… слово")
    assert snippet.endswith("хвост …")
    assert len(snippet) < 300


def test_facets_count_every_match_once(staff: str, category: str) -> None:
    word = coined()
    other = good(call("POST", "/store/categories", {"name": "Другой", "slug": unique("c")}, token=staff), 201)["id"]
    rub = [{"amount": amount, "currency": "RUB"} for amount in (0, 9999, 10000, 19999, 20000, 10**12)]
    for place, price in enumerate(rub):
        product(
            staff,
            name=f"Товар {word}",
            price=price,
            category_id=other if place < 2 else category,
            allergens=["milk", "nuts"] if place % 2 else ["milk"],
        )
    body = good(search(word, limit=2))
    assert body["facets_approximate"] is False
    assert "corrected_query" not in body
    facets = body["facets"]
    assert [(row["category_id"], row["name"], row["count"]) for row in facets["categories"]] == [
        (category, "Раздел", 4), (other, "Другой", 2),
    ]  # fmt: skip
    assert facets["price_ranges"] == [
        {"min_price": 0, "max_price": 99, "count": 1},
        {"min_price": 5000, "max_price": 9999, "count": 1},
        {"min_price": 10000, "max_price": 19999, "count": 2},
        {"min_price": 20000, "max_price": 49999, "count": 1},
        {"min_price": 5 * 10**10, "max_price": None, "count": 1},
    ]
    assert facets["allergens"] == [{"allergen": "milk", "count": 6}, {"allergen": "nuts", "count": 3}]


def test_pages_hold_each_match_once(staff: str, category: str) -> None:
    word = coined()
    made = {product(staff, name=f"{word} номер", category_id=category)["id"] for _ in range(7)}
    made |= {product(staff, name="Иное", composition=word, category_id=category)["id"] for _ in range(4)}
    pages, cursor = [], None
    while True:
        body = good(search(word, limit=3, **({"cursor": cursor} if cursor else {})))
        pages.append([item["id"] for item in body["items"]])
        cursor = body["next_cursor"]
        if cursor is None:
            break
        if len(pages) == 1:  # what comes meanwhile pushes nothing onto a page twice
            made.add(product(staff, name="Иное", composition=f"соль, соль, {word}", category_id=category)["id"])
    assert [len(page) for page in pages] == [3, 3, 3, 3]
    assert sorted(one for page in pages for one in page) == sorted(made)
    first = good(search(word, limit=3))["next_cursor"]
    for q, given in ((word + "а", {}), (word, {"category": category})):
        assert search(q, cursor=first, **given).body["code"] == "invalid_cursor"
    assert search(word, cursor="!").status == 422


def test_suggestions_begin_with_categories_and_hold_no_text_twice(staff: str) -> None:
    word = coined()
    body = {"name": f"Все {word}", "slug": unique("c"), "translations": {"en": {"name": f"All {word}"}}}
    kind = good(call("POST", "/store/categories", body, token=staff), 201)["id"]
    for _ in range(3):
        product(staff, name=f"{word} вечный", category_id=kind)
    inside = product(staff, name=f"Кислый {word}", category_id=kind)["id"]
    for place in range(12):
        product(staff, name=f"Ещё {word} {place}", category_id=kind)
    items = suggest(word[:8])
    assert items[0] == {"text": f"Все {word}", "category_id": kind}
    assert items[1]["text"] == f"{word} вечный"
    assert len(items) == 10
    assert len({item["text"] for item in items}) == 10
    assert all(set(item) == {"text", "product_id"} for item in items[1:])
    assert suggest(f"кислый {word[:6]}") == [{"text": f"Кислый {word}", "product_id": inside}]
    assert suggest(f"{word} кисл") == [{"text": f"Кислый {word}", "product_id": inside}]
    assert suggest(word[:8], "en")[0] == {"text": f"All {word}", "category_id": kind}


def test_words_whose_examples_have_gone_are_still_suggested(staff: str) -> None:
    word = coined()
    gone = [product(staff, name=f"Старый {word} {place}") for place in range(10)]
    left = product(staff, name=f"Новый {word}")["id"]
    for one in gone:
        assert call("DELETE", f"/store/products/{one['id']}", token=staff).status == 204
    assert suggest(word) == [{"text": f"Новый {word}", "product_id": left}]


def test_whoever_writes_products_search_knows_of_it(staff: str, sql: Any) -> None:
    """Imports write past the API's own statements, many rows in one."""
    one, other = coined(), coined()
    ids = [product(staff, name=f"Сахар {one} {place}")["id"] for place in range(3)]
    sql.execute(
        "UPDATE store.products SET name = replace(name, %s, %s), name_key = replace(name_key, %s, %s), status = CASE"
        " WHEN id = %s THEN 'archived' ELSE status END, price_amount = 777 WHERE id = ANY (%s)",
        [one, other, one, other, ids[0], ids],
    )
    assert found(one) == []
    assert set(found(other)) == set(ids[1:])
    ranges = good(search(other))["facets"]["price_ranges"]
    assert ranges == [{"min_price": 500, "max_price": 999, "count": 2}]
    assert {item["product_id"] for item in suggest(other)} == set(ids[1:])
    sql.execute("UPDATE store.products SET description = %s WHERE id = ANY (%s)", [one, ids])
    assert set(found(one)) == set(ids[1:])
    missing = sql.execute(
        "SELECT count(*) FROM store.products p WHERE NOT EXISTS"
        " (SELECT FROM store.search_texts t WHERE t.product_id = p.id AND t.document = store.document_of(p))"
    ).fetchone()
    assert missing == (0,)
