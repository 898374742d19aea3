"""Search beyond the most matches that it ranks: the best of them are counted, each once, and that is said."""

from typing import Any

import pytest

from tests.functions.calls import good, product, unique
from tests.functions.searches import coined, found, search


def test_a_product_whose_code_is_its_name_takes_no_place_of_others(staff: str, monkeypatch: pytest.MonkeyPatch) -> None:
    word = unique("w").replace("-", "")
    coded = product(staff, sku=word, name=word)["id"]
    for number in range(3):
        product(staff, name=f"{word} {number}")
    for most, approximate in ((3, True), (4, False)):
        monkeypatch.setattr("store.search.MOST", most)
        body = good(search(word))
        assert body["items"][0]["id"] == coded
        assert (len(body["items"]), body["facets_approximate"]) == (most, approximate)


def test_beyond_the_most_matches_the_best_are_counted_and_that_is_said(
    staff: str, category: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = coined()
    for place in range(4):
        product(staff, name="Иное", composition=f"{word}, соль {place}", category_id=category)
    named = [product(staff, name=f"Хлеб {word}", category_id=category)["id"] for _ in range(2)]
    very = product(staff, name=word, category_id=category)["id"]
    monkeypatch.setattr("store.search.MOST", 5)
    body = good(search(word, limit=100))
    assert body["facets_approximate"] is True
    assert [item["id"] for item in body["items"]][:3] == [very, *named]
    assert len(body["items"]) == 5
    assert sum(row["count"] for row in body["facets"]["categories"]) == 5
    assert sum(row["count"] for row in body["facets"]["price_ranges"]) == 5
    body = good(search(f"{word} соль", limit=100))
    assert (body["facets_approximate"], len(body["items"])) == (False, 4)
    monkeypatch.setattr("store.search.MOST", 7)
    assert good(search(word))["facets_approximate"] is False


@pytest.mark.parametrize("most", [5000, 3])
@pytest.mark.parametrize(
    "asked",
    ["{w}", "{w} {v}", "{w} or {v}", '"{w} {v}"', "{w} -{v}", "{w} ", "{part}", "{w} {vpart}", "{v} or {w} {v}"],
)
def test_however_a_product_is_found_it_is_counted_once(
    staff: str, category: str, asked: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    w, v = unique("w").replace("-", ""), unique("v").replace("-", "")
    english = {"en": {"name": f"{w} {v} x"}}
    product(staff, sku=w, name=w, composition=f"{v} {w}", translations=english, category_id=category)
    for name, composition in (
        (f"{w} {v}", w),
        (f"{v} {w}", v),
        (f"{w} x", w),
        (v, w),
        ("Иное", w),
        ("Иное", f"{v} {w}"),
    ):
        for status in ("active", "draft"):
            product(staff, name=name, status=status, composition=composition, category_id=category)
    monkeypatch.setattr("store.search.MOST", most)
    for token in (None, staff):
        for narrowed in ({}, {"category": category}):
            q = asked.format(w=w, v=v, part=w[:-2], vpart=v[:-2])
            body = good(search(q, limit=100, token=token, **narrowed))
            ids = [item["id"] for item in body["items"]]
            assert len(ids) == len(set(ids)) > 0, (q, narrowed)
            assert [row["count"] for row in body["facets"]["categories"]] == [len(ids)]
            assert len(ids) == most or not body["facets_approximate"]
            assert len(ids) <= most


def test_stop_words_alone_find_a_category_s_names_behind_many_others(
    staff: str, category: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in range(4):
        product(staff, name=f"и {place}")
    mine = product(staff, name="и я", category_id=category)["id"]
    monkeypatch.setattr("store.search.MOST", 3)
    assert found("и", category=category) == [mine]


def test_words_common_together_are_looked_for_in_the_sample_first(
    staff: str, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = coined(), coined()
    first = product(staff, name="Смесь", composition=f"{one}, {other}")["id"]
    copied = (
        "INSERT INTO store.products SELECT (jsonb_populate_record(p, jsonb_build_object("
        "'id', left(gen_random_uuid()::text, 34) || lpad(to_hex(n * 4), 2, '0'), 'sku', p.sku || n))).*"
        " FROM store.products p, generate_series(0, 63) n WHERE p.id = %s RETURNING id"
    )
    ids = {first, *(str(row[0]) for row in sql.execute(copied.encode(), [first]))}
    for q in (f"{one} {other}", one):
        everything = good(search(q, limit=100))
        assert {item["id"] for item in everything["items"]} == ids
        assert sum(row["count"] for row in everything["facets"]["price_ranges"]) == len(ids)
        with monkeypatch.context() as patched:
            patched.setattr("store.search.MOST", 6)
            few = good(search(q, limit=100))
        assert few["facets_approximate"] is True
        assert len({item["id"] for item in few["items"]}) == len(few["items"]) == 6
        assert all(int(item["id"][-2:], 16) < 32 for item in few["items"])
