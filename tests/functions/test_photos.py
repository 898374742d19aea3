"""Photos by their whole life: asked for, uploaded, completed, shown, moved, deleted; and all that can't be."""

import os
from typing import Any

import pytest
import requests

from tests.functions.calls import call, good, product, unique
from tests.functions.uploads import begin, complete, key_of, photo, send, shown, stored, uploaded
from tests.photo_files import corners, encoded, opened, phone_jpeg, small_jpeg

NOBODY = "019aa7c0-0000-7000-8000-000000000001"


@pytest.fixture
def item(staff: str) -> Any:
    """A product without photos."""
    return product(staff)


def path(item: Any, photo_id: str | None = None) -> str:
    base = f"/store/products/{item['id']}/photos"
    return base if photo_id is None else f"{base}/{photo_id}"


def refused(answer: Any, status: int, code: str) -> Any:
    assert (answer.status, answer.body.get("code")) == (status, code), answer
    return answer.body


def test_a_photo_is_uploaded_and_shown(staff: str, item: Any, sql: Any) -> None:
    content = phone_jpeg(1200, 900)
    body = {"content_type": "image/jpeg", "size": len(content)}
    begun = call("POST", path(item), body, token=staff)
    answer = good(begun, 201)
    assert begun.headers["location"].endswith(path(item, answer["photo_id"]))
    assert begun.headers["cache-control"] == "no-store"
    assert answer["upload"]["method"] == "PUT"
    assert answer["upload"]["headers"] == {"Content-Type": "image/jpeg", "Content-Length": str(len(content))}
    key = key_of(sql, answer["photo_id"])
    assert key.startswith("uploads/")
    assert item["id"] not in key
    assert send(answer["upload"], content).status_code == 200
    assert shown(item["id"]) == []

    made = good(complete(staff, item["id"], answer["photo_id"]))
    assert made["id"] == answer["photo_id"]
    assert (made["width"], made["height"], made["position"]) == (900, 1200, 0)
    sizes = {"small": (240, 320), "medium": (720, 960), "original": (900, 1200)}
    for name, size in sizes.items():
        got = requests.get(made["urls"][name], timeout=10)
        assert got.status_code == 200
        assert got.headers["Content-Type"] == "image/webp"
        assert "immutable" in got.headers["Cache-Control"]
        assert opened(got.content).size == size
    assert shown(item["id"]) == [made]
    assert key not in stored("uploads/")
    assert complete(staff, item["id"], made["id"]).body == made


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_png_and_webp_are_taken_too(staff: str, item: Any, kind: str) -> None:
    made = photo(staff, item["id"], encoded(corners(70, 50), kind), f"image/{kind.lower()}")
    assert (made["width"], made["height"]) == (70, 50)


def test_a_photo_is_a_change_of_its_product(staff: str, item: Any, sql: Any) -> None:
    made = photo(staff, item["id"], small_jpeg())
    changed = good(call("GET", f"/store/products/{item['id']}", token=staff))
    assert changed["version"] == item["version"] + 1
    events = sql.execute(
        "SELECT type, version, state -> 'photos' FROM events.outbox WHERE aggregate_id = %s ORDER BY version DESC",
        [item["id"]],
    ).fetchall()
    assert events[0] == ("store.product.changed", changed["version"], [made])
    good(complete(staff, item["id"], made["id"]))
    assert good(call("GET", f"/store/products/{item['id']}", token=staff))["version"] == changed["version"]


def test_photos_are_moved(staff: str, item: Any) -> None:
    ids = [photo(staff, item["id"], small_jpeg())["id"] for _ in range(3)]

    def order() -> list[str]:
        seen = shown(item["id"])
        assert [each["position"] for each in seen] == list(range(len(seen)))
        return [each["id"] for each in seen]

    def move(photo_id: str, position: int) -> Any:
        return good(call("PATCH", path(item, photo_id), {"position": position}, token=staff))

    assert order() == ids
    assert move(ids[2], 0)["position"] == 0
    assert order() == [ids[2], ids[0], ids[1]]
    assert move(ids[2], 999)["position"] == 2
    assert order() == ids
    version = good(call("GET", f"/store/products/{item['id']}", token=staff))["version"]
    move(ids[1], 1)
    assert good(call("GET", f"/store/products/{item['id']}", token=staff))["version"] == version
    assert call("DELETE", path(item, ids[0]), token=staff).status == 204
    assert order() == ids[1:]


def test_a_deleted_photo_is_gone(staff: str, item: Any) -> None:
    made = photo(staff, item["id"], small_jpeg())
    assert call("DELETE", path(item, made["id"]), token=staff).status == 204
    assert shown(item["id"]) == []
    assert stored(f"photos/{made['id']}/") == set()
    for answer in (
        call("DELETE", path(item, made["id"]), token=staff),
        call("PATCH", path(item, made["id"]), {"position": 0}, token=staff),
        complete(staff, item["id"], made["id"]),
    ):
        refused(answer, 404, "not_found")


def test_an_upload_can_be_called_off(staff: str, item: Any, sql: Any) -> None:
    photo_id = uploaded(staff, item["id"], small_jpeg())
    key = key_of(sql, photo_id)
    assert key in stored("uploads/")
    assert call("DELETE", path(item, photo_id), token=staff).status == 204
    assert key not in stored("uploads/")
    assert good(call("GET", f"/store/products/{item['id']}", token=staff))["version"] == item["version"]
    refused(complete(staff, item["id"], photo_id), 404, "not_found")


def test_what_isnt_uploaded_cant_be_completed_yet(staff: str, item: Any) -> None:
    begun = begin(staff, item["id"], small_jpeg())
    refused(complete(staff, item["id"], begun["photo_id"]), 409, "not_uploaded")
    refused(call("PATCH", path(item, begun["photo_id"]), {"position": 0}, token=staff), 409, "not_uploaded")
    assert send(begun["upload"], small_jpeg()).status_code == 200
    good(complete(staff, item["id"], begun["photo_id"]))


def test_stale_changes_are_refused(staff: str, item: Any) -> None:
    made = photo(staff, item["id"], small_jpeg())
    stale, fresh = f'"{item["version"]}.x"', f'"{item["version"] + 1}.x"'
    for method, body in (("PATCH", {"position": 0}), ("DELETE", None)):
        answer = call(method, path(item, made["id"]), body, token=staff, headers={"If-Match": stale})
        refused(answer, 412, "version_mismatch")
    assert call("DELETE", path(item, made["id"]), token=staff, headers={"If-Match": fresh}).status == 204


def test_unknown_ids_are_404(staff: str, item: Any) -> None:
    made = photo(staff, item["id"], small_jpeg())
    other = product(staff)
    body = {"content_type": "image/jpeg", "size": 10}
    refused(call("POST", f"/store/products/{NOBODY}/photos", body, token=staff), 404, "product_not_found")
    refused(complete(staff, NOBODY, made["id"]), 404, "product_not_found")
    for product_id, photo_id in ((item["id"], NOBODY), (other["id"], made["id"])):
        where = f"/store/products/{product_id}/photos/{photo_id}"
        refused(call("POST", f"{where}/complete", token=staff), 404, "not_found")
        refused(call("PATCH", where, {"position": 0}, token=staff), 404, "not_found")
        refused(call("DELETE", where, token=staff), 404, "not_found")
    assert shown(item["id"]) == [made]


def test_customers_may_do_none_of_it(customer: Any, staff: str, item: Any) -> None:
    made, token = photo(staff, item["id"], small_jpeg()), customer["access_token"]
    body = {"content_type": "image/jpeg", "size": 10}
    refused(call("POST", path(item), body, token=token), 403, "forbidden")
    refused(complete(token, item["id"], made["id"]), 403, "forbidden")
    refused(call("PATCH", path(item, made["id"]), {"position": 0}, token=token), 403, "forbidden")
    refused(call("DELETE", path(item, made["id"]), token=token), 403, "forbidden")
    refused(call("POST", path(item), body), 401, "authentication_required")


def test_an_archived_product_takes_no_photos(staff: str, item: Any) -> None:
    made = photo(staff, item["id"], small_jpeg())
    begun = uploaded(staff, item["id"], small_jpeg())
    assert call("DELETE", f"/store/products/{item['id']}", token=staff).status == 204
    refused(complete(staff, item["id"], begun), 409, "product_archived")
    body = {"content_type": "image/jpeg", "size": 10}
    refused(call("POST", path(item), body, token=staff), 409, "product_archived")
    assert complete(staff, item["id"], made["id"]).body == made
    assert call("DELETE", path(item, made["id"]), token=staff).status == 204
    good(call("PATCH", f"/store/products/{item['id']}", {"status": "active"}, token=staff))
    good(complete(staff, item["id"], begun))


def test_a_product_has_twenty_photos_at_most(staff: str, item: Any, sql: Any) -> None:
    begun = uploaded(staff, item["id"], small_jpeg())
    sql.execute(
        """UPDATE store.products SET photos = (SELECT jsonb_agg(jsonb_build_object('id', gen_random_uuid(),
            'urls', jsonb_build_object('small', 's', 'medium', 'm', 'original', 'o'), 'width', 1, 'height', 1,
            'position', n)) FROM generate_series(0, 19) n) WHERE id = %s""",
        [item["id"]],
    )
    body = {"content_type": "image/jpeg", "size": 10}
    assert "20" in refused(call("POST", path(item), body, token=staff), 409, "too_many_photos")["detail"]
    refused(complete(staff, item["id"], begun), 409, "too_many_photos")
    sql.execute("UPDATE store.products SET photos = photos - 19 WHERE id = %s", [item["id"]])
    assert good(complete(staff, item["id"], begun))["position"] == 19


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"content_type": "image/gif", "size": 10}, "/content_type", "not_one_of"),
        ({"content_type": "image/svg+xml", "size": 10}, "/content_type", "not_one_of"),
        ({"content_type": "image/jpeg", "size": 0}, "/size", "out_of_range"),
        ({"content_type": "image/jpeg", "size": -5}, "/size", "out_of_range"),
        ({"content_type": "image/jpeg", "size": 10 * 1024 * 1024 + 1}, "/size", "out_of_range"),
        ({"content_type": "image/jpeg", "size": "10"}, "/size", "wrong_type"),
        ({"content_type": "image/jpeg", "size": 1.5}, "/size", "wrong_type"),
        ({"content_type": "image/jpeg", "size": True}, "/size", "wrong_type"),
        ({"content_type": "image/jpeg"}, "/size", "missing"),
        ({"size": 10}, "/content_type", "missing"),
        ({"content_type": "image/jpeg", "size": 10, "key": "photos/x"}, "/key", "unknown_field"),
    ],
)
def test_bad_requests_say_what_is_wrong(staff: str, item: Any, body: Any, pointer: str, code: str) -> None:
    told = refused(call("POST", path(item), body, token=staff), 422, "invalid_body")
    assert [(fault["pointer"], fault["code"]) for fault in told["errors"]] == [(pointer, code)]


@pytest.mark.parametrize("position", [-1, 1.5, "0", None, 10**9])
def test_bad_positions_say_so(staff: str, item: Any, position: Any) -> None:
    where = path(item, NOBODY)
    refused(call("PATCH", where, {"position": position}, token=staff), 422, "invalid_body")
    refused(call("PATCH", where, {}, token=staff), 422, "invalid_body")


def test_a_retried_beginning_is_the_same_photo(staff: str, item: Any) -> None:
    headers = {"Idempotency-Key": unique()}
    body = {"content_type": "image/jpeg", "size": 10}
    first, second = (call("POST", path(item), body, token=staff, headers=headers) for _ in range(2))
    assert first.body == second.body
    assert second.headers["idempotency-replayed"] == "true"
    other = call("POST", path(item), {**body, "size": 11}, token=staff, headers=headers)
    refused(other, 422, "idempotency_key_reused")


def test_a_retried_completion_gets_its_answer_even_when_the_photo_is_gone(staff: str, item: Any) -> None:
    photo_id, headers = uploaded(staff, item["id"], small_jpeg()), {"Idempotency-Key": unique()}
    first = complete(staff, item["id"], photo_id, headers=headers)
    assert call("DELETE", path(item, photo_id), token=staff).status == 204
    again = complete(staff, item["id"], photo_id, headers=headers)
    assert (again.status, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert stored(f"photos/{photo_id}/") == set()


def test_addresses_are_where_photos_are_seen(staff: str, item: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from eatit.settings import settings

    assert photo(staff, item["id"], small_jpeg())["urls"]["small"].startswith(os.environ["PHOTOS_URL"] + "/photos/")
    monkeypatch.setenv("PHOTOS_URL", "https://cdn.example/shop/")
    settings.cache_clear()
    try:
        made = photo(staff, item["id"], small_jpeg())
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert made["urls"]["small"] == f"https://cdn.example/shop/photos/{made['id']}/small.webp"
