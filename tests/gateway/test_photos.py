"""Photos through the gateway: a real upload, at once with others, and the basket's copy of what came of it."""

from functools import partial
from typing import Any

import pytest
import requests

from tests.gateway.shop import Api, at_once, eventually, good, problem, unique
from tests.photo_files import bad_files, opened, phone_jpeg, small_jpeg


@pytest.fixture
def item(api: Api, staff: str) -> Any:
    """A product without photos, one piece of which may be bought."""
    units = good(api.get("/store/units", params={"limit": 100}))["items"]
    category = good(api.post("/store/categories", {"name": "Фото", "slug": unique("c")}, token=staff), 201)
    body = {
        "sku": unique("sku"),
        "name": "Яблоко",
        "category_id": category["id"],
        "unit_id": next(unit["id"] for unit in units if unit["code"] == "piece"),
        "price": {"amount": 5000, "currency": "RUB"},
        "sold_by": "piece",
    }
    return good(api.post("/store/products", body, token=staff), 201)


def path(item: Any) -> str:
    return f"/store/products/{item['id']}/photos"


def uploaded(api: Api, staff: str, item: Any, content: bytes, content_type: str = "image/jpeg") -> str:
    """The address of a photo that was uploaded, as anybody's HTTP client does it."""
    body = {"content_type": content_type, "size": len(content)}
    begun = good(api.post(path(item), body, token=staff), 201)
    upload = begun["upload"]
    sent = requests.request(upload["method"], upload["url"], data=content, headers=upload["headers"], timeout=30)
    assert sent.status_code == 200, sent.text
    return f"{path(item)}/{begun['photo_id']}"


def test_a_photo_reaches_the_product_and_the_basket(api: Api, staff: str, item: Any) -> None:
    basket = api.post("/basket/items", {"product_id": item["id"], "quantity": "1"})
    guest = basket.headers["X-Basket-Token"]
    assert good(basket)["items"][0]["photo_url"] is None
    assert good(api.get(f"/store/products/{item['id']}"))["photos"] == []

    photo = good(api.post(f"{uploaded(api, staff, item, phone_jpeg())}/complete", token=staff))
    assert (photo["width"], photo["height"]) == (480, 640)
    # The answer that was kept ready is fresh at once, in every language.
    for language in ("ru", "en"):
        seen = good(api.get(f"/store/products/{item['id']}", headers={"Accept-Language": language}))
        assert seen["photos"] == [photo]
    for name, longest in (("small", 320), ("medium", 640), ("original", 640)):
        got = requests.get(photo["urls"][name], timeout=10)
        assert got.headers["Content-Type"] == "image/webp"
        assert max(opened(got.content).size) == longest

    def copied() -> None:
        line = good(api.get("/basket", basket=guest))["items"][0]
        assert line["photo_url"] == photo["urls"]["small"]

    eventually(copied)
    assert api.delete(f"{path(item)}/{photo['id']}", token=staff).status_code == 204

    def gone() -> None:
        assert good(api.get("/basket", basket=guest))["items"][0]["photo_url"] is None

    eventually(gone)
    assert requests.get(photo["urls"]["small"], timeout=10).status_code in (403, 404)


def test_completed_many_times_at_once_it_is_one_photo(api: Api, staff: str, item: Any) -> None:
    photo = uploaded(api, staff, item, phone_jpeg(2000, 1500))
    answers = at_once([lambda: api.post(f"{photo}/complete", token=staff)] * 4)
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    assert len({answer.text for answer in answers}) == 1
    seen = good(api.get(f"/store/products/{item['id']}", token=staff))
    assert seen["photos"] == [answers[0].json()]
    assert seen["version"] == item["version"] + 1


def test_many_photos_completed_at_once_all_stand(api: Api, staff: str, item: Any) -> None:
    photos = [uploaded(api, staff, item, small_jpeg()) for _ in range(5)]
    answers = at_once([partial(api.post, f"{photo}/complete", token=staff) for photo in photos])
    assert {answer.status_code for answer in answers} == {200}
    seen = good(api.get(f"/store/products/{item['id']}", token=staff))
    assert [each["position"] for each in seen["photos"]] == [0, 1, 2, 3, 4]
    assert {each["id"] for each in seen["photos"]} == {photo.rpartition("/")[2] for photo in photos}
    assert seen["version"] == item["version"] + 5


def test_deleted_while_it_is_completed_nothing_is_left_half(api: Api, staff: str, item: Any) -> None:
    for _ in range(3):
        photo = uploaded(api, staff, item, phone_jpeg(1500, 1000))
        completed, deleted = at_once(
            [partial(api.post, f"{photo}/complete", token=staff), partial(api.delete, photo, token=staff)]
        )
        assert deleted.status_code == 204
        assert completed.status_code in (200, 404), completed.text
        assert good(api.get(f"/store/products/{item['id']}", token=staff))["photos"] == []
        if completed.status_code == 200:
            seen = requests.get(completed.json()["urls"]["small"], timeout=10)
            assert seen.status_code in (403, 404)


@pytest.mark.parametrize("name", ["html under a png's head", "bomb", "cut jpeg"])
def test_what_is_no_picture_is_refused(api: Api, staff: str, item: Any, name: str) -> None:
    content_type, content = bad_files()[name]
    photo = uploaded(api, staff, item, content, content_type)
    assert "reason" in problem(api.post(f"{photo}/complete", token=staff), 422, "not_a_picture")
    assert good(api.get(f"/store/products/{item['id']}"))["photos"] == []


def test_a_web_page_may_upload(api: Api, staff: str, item: Any) -> None:
    body = {"content_type": "image/jpeg", "size": len(small_jpeg())}
    upload = good(api.post(path(item), body, token=staff), 201)["upload"]
    asked = {
        "Origin": "http://localhost:5173",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type",
    }
    allowed = requests.options(upload["url"], headers=asked, timeout=10)
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] in ("http://localhost:5173", "*")
    assert "PUT" in allowed.headers["Access-Control-Allow-Methods"]
