"""Search and suggestions at the edge: what somebody's web shop does with them, and whatever is typed into its box."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.gateway.shop import Api, Keeper, faults, good, unique


def word() -> str:
    """A word that nothing else has."""
    return "з" + unique("").strip("-").translate(str.maketrans("0123456789abcdef", "абвгдежзиклмнопр"))


def search(api: Api, q: str, language: str = "ru", **given: Any) -> Any:
    return good(api.get("/store/search", params={"q": q, **given}, headers={"Accept-Language": language}))


def test_somebody_types_picks_and_finds(api: Api, keeper: Keeper) -> None:
    kind, what = word(), word()
    category = keeper.category(name=f"Всё {kind}")["id"]
    made = keeper.product(
        name=f"Сыр {what}", category_id=category, translations={"en": {"name": "Cheese", "description": f"A {what}"}}
    )
    answer = api.get("/store/suggest", params={"q": kind[:7]}, headers={"Accept-Language": "ru"})
    assert good(answer)["items"] == [{"text": f"Всё {kind}", "category_id": category}]
    assert answer.headers["Content-Language"] == "ru"
    typed = good(api.get("/store/suggest", params={"q": f"сыр {what[:6]}"}, headers={"Accept-Language": "ru"}))
    assert typed["items"] == [{"text": f"Сыр {what}", "product_id": made["id"]}]
    body = search(api, f"сыром {what}", category=category)
    (item,) = body["items"]
    assert item["id"] == made["id"]
    assert item["highlights"]["name"] == f"<mark>Сыр</mark> <mark>{what}</mark>"
    assert body["facets"]["categories"] == [{"category_id": category, "name": f"Всё {kind}", "count": 1}]
    english = search(api, f"cheeses {what}", "en")["items"][0]
    assert (english["name"], english["highlights"]["snippet"]) == ("Cheese", f"A <mark>{what}</mark>")


def test_what_is_written_is_found_at_once_whoever_looks(api: Api, keeper: Keeper) -> None:
    """Each write is followed by a search as soon as its 2xx is there, four keepers at once with words in common."""
    shared = word()

    def keep(_: int) -> None:
        own, other = word(), word()
        made = keeper.product(name=f"{shared} {own}")
        assert [item["id"] for item in search(api, f"{shared} {own}")["items"]] == [made["id"]]
        keeper.change(made, name=f"{shared} {other}")
        assert [item["id"] for item in search(api, other)["items"]] == [made["id"]]
        assert search(api, own)["items"] == []
        good(api.delete(f"/store/products/{made['id']}", token=keeper.token), 204)
        assert search(api, other)["items"] == []

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep, range(8)))


@pytest.mark.parametrize("path", ["search", "suggest"])
def test_only_a_query_is_one(api: Api, path: str) -> None:
    for q in ("", "x" * 201, "x\0y", None):
        assert {fault[0] for fault in faults(api.get(f"/store/{path}", params={"q": q}), code="invalid_parameter")} == {
            "/q"
        }
    for q in ("'\"\\", "%%", "🥛🥛", "\ufeff\u200b", "--;'", "a & ! b"):
        assert api.get(f"/store/{path}", params={"q": q}).status_code == 200
    assert api.post(f"/store/{path}", {}).status_code == 405
