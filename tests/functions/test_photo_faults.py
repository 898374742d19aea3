"""Photos when something is wrong: with the file, with storage, with somebody else at the same photo, in the middle."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.functions.calls import call, good, product
from tests.functions.conftest import _forget
from tests.functions.events import Context
from tests.functions.uploads import begin, complete, key_of, photo, send, shown, stored, uploaded
from tests.functions.wire import Wire
from tests.photo_files import bad_files, corners, encoded, small_jpeg

SOME_BAD = ("html under a png's head", "svg", "gif as png", "cut jpeg", "bomb", "half a bomb")


@pytest.fixture
def item(staff: str) -> Any:
    """A product without photos."""
    return product(staff)


def refused(answer: Any, status: int, code: str) -> Any:
    assert (answer.status, answer.body.get("code")) == (status, code), answer
    return answer.body


def version(staff: str, item: Any) -> int:
    return int(good(call("GET", f"/store/products/{item['id']}", token=staff))["version"])


@pytest.mark.parametrize("name", SOME_BAD)
def test_what_is_no_picture_is_refused_and_gone(staff: str, item: Any, sql: Any, name: str) -> None:
    content_type, content = bad_files()[name]
    photo_id = uploaded(staff, item["id"], content, content_type)
    key = key_of(sql, photo_id)
    assert key in stored("uploads/")
    told = refused(complete(staff, item["id"], photo_id), 422, "not_a_picture")
    assert told["reason"] in ("other_kind", "unreadable", "too_large")
    assert key not in stored("uploads/")
    assert stored(f"photos/{photo_id}/") == set()
    assert shown(item["id"]) == []
    assert version(staff, item) == item["version"]
    assert refused(complete(staff, item["id"], photo_id), 422, "not_a_picture")["reason"] == told["reason"]
    assert call("DELETE", f"/store/products/{item['id']}/photos/{photo_id}", token=staff).status == 204


def test_the_reason_is_told_in_both_languages(staff: str, item: Any) -> None:
    content_type, content = bad_files()["bomb"]
    photo_id = uploaded(staff, item["id"], content, content_type)
    english = complete(staff, item["id"], photo_id, headers={"Accept-Language": "en"})
    russian = complete(staff, item["id"], photo_id, headers={"Accept-Language": "ru"})
    assert "50 million" in english.body["detail"]
    assert "50 миллионов" in russian.body["detail"]


def test_a_file_of_another_size_than_announced_is_refused(staff: str, item: Any, sql: Any) -> None:
    from eatit.files import Files

    for content in (small_jpeg() + b"more", small_jpeg()[:-1], b""):
        begun = begin(staff, item["id"], small_jpeg())
        key = key_of(sql, begun["photo_id"])
        # The address doesn't allow it, whoever has the emulator's own rights does.
        Files().write(key, content, "image/jpeg", cache_control="no-store")
        assert refused(complete(staff, item["id"], begun["photo_id"]), 422, "not_a_picture")["reason"] == "other_size"
        assert key not in stored("uploads/")


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch, wired: Callable[[str], Wire]) -> Wire:
    """A wire between the functions of this process and storage."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", os.environ["AWS_ENDPOINT_URL"])
    return wired("AWS_ENDPOINT_URL_S3")


def test_storage_away_is_503_and_nothing_is_lost(staff: str, item: Any, storage: Wire) -> None:
    begun = begin(staff, item["id"], small_jpeg())
    assert send(begun["upload"], small_jpeg()).status_code == 200
    storage.cut()
    answer = complete(staff, item["id"], begun["photo_id"])
    refused(answer, 503, "unavailable")
    assert answer.headers["retry-after"]
    assert shown(item["id"]) == []
    storage.mend()
    made = good(complete(staff, item["id"], begun["photo_id"]))
    assert shown(item["id"]) == [made]


def test_storage_away_when_a_bad_file_is_to_be_removed(
    staff: str, item: Any, sql: Any, storage: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    content_type, content = bad_files()["svg"]
    photo_id = uploaded(staff, item["id"], content, content_type)
    with monkeypatch.context() as patched:
        during(patched, storage.cut)
        refused(complete(staff, item["id"], photo_id), 503, "unavailable")
    storage.mend()
    refused(complete(staff, item["id"], photo_id), 422, "not_a_picture")
    assert key_of(sql, photo_id) not in stored("uploads/")


def test_storage_that_hangs_is_503_in_time(staff: str, item: Any, storage: Wire) -> None:
    import time

    photo_id = uploaded(staff, item["id"], small_jpeg())
    storage.hush()
    before = time.monotonic()
    refused(complete(staff, item["id"], photo_id), 503, "unavailable")
    assert time.monotonic() - before < 9


def test_no_storage_is_needed_to_begin(staff: str, item: Any, storage: Wire) -> None:
    storage.cut()
    begin(staff, item["id"], small_jpeg())


def test_a_delete_while_storage_is_away_holds_and_is_swept_later(
    staff: str, item: Any, storage: Wire, sql: Any, context: Context
) -> None:
    from operations.upkeep import handler

    made = photo(staff, item["id"], small_jpeg())
    storage.cut()
    assert call("DELETE", f"/store/products/{item['id']}/photos/{made['id']}", token=staff).status == 204
    assert shown(item["id"]) == []
    storage.mend()
    assert len(stored(f"photos/{made['id']}/")) == 3

    def rows() -> Any:
        return sql.execute("SELECT state FROM store.photo_uploads WHERE id = %s", [made["id"]]).fetchall()

    handler({}, context)
    assert rows() == [("removed",)]
    sql.execute("UPDATE store.photo_uploads SET ended_at = now() - interval '61 minutes' WHERE id = %s", [made["id"]])
    storage.cut()
    handler({}, context)
    assert rows() == [("removed",)]
    storage.mend()
    assert handler({}, context)["store.photo_uploads"] >= 1
    assert rows() == []
    assert stored(f"photos/{made['id']}/") == set()


def test_uploads_that_nobody_completes_are_swept(staff: str, item: Any, sql: Any, context: Context) -> None:
    from operations.upkeep import handler

    old, young = uploaded(staff, item["id"], small_jpeg()), uploaded(staff, item["id"], small_jpeg())
    whole = photo(staff, item["id"], small_jpeg())
    keys = {each: key_of(sql, each) for each in (old, young)}
    aged = "UPDATE store.photo_uploads SET created_at = now() - interval '25 hours' WHERE id = ANY(%s)"
    sql.execute(aged, [[old, whole["id"]]])
    handler({}, context)
    refused(complete(staff, item["id"], old), 404, "not_found")
    assert keys[old] in stored("uploads/")
    sql.execute("UPDATE store.photo_uploads SET ended_at = now() - interval '61 minutes' WHERE id = %s", [old])
    handler({}, context)
    assert keys[old] not in stored("uploads/")
    assert sql.execute("SELECT 1 FROM store.photo_uploads WHERE id = %s", [old]).fetchone() is None
    assert len(stored(f"photos/{whole['id']}/")) == 3
    assert keys[young] in stored("uploads/")
    good(complete(staff, item["id"], young))
    assert len(shown(item["id"])) == 2


def test_an_upload_that_is_being_completed_isnt_swept(staff: str, item: Any, sql: Any, context: Context) -> None:
    from operations.upkeep import handler

    photo_id = uploaded(staff, item["id"], small_jpeg())
    sql.execute(
        """UPDATE store.photo_uploads SET created_at = now() - interval '25 hours',
        claimed_until = now() + interval '10 seconds' WHERE id = %s""",
        [photo_id],
    )
    handler({}, context)
    state = sql.execute("SELECT state FROM store.photo_uploads WHERE id = %s", [photo_id]).fetchone()
    assert state == ("waiting",)


def test_whoever_was_killed_in_the_middle_holds_nobody_up_for_long(
    staff: str, item: Any, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from store import photos

    photo_id = uploaded(staff, item["id"], small_jpeg())
    claim = "UPDATE store.photo_uploads SET claimed_until = now() + %s::interval WHERE id = %s"
    sql.execute(claim, ["10 seconds", photo_id])
    monkeypatch.setattr(photos, "WAIT_SECONDS", 0.1)
    refused(complete(staff, item["id"], photo_id), 409, "request_in_progress")
    sql.execute(claim, ["-1 second", photo_id])
    made = good(complete(staff, item["id"], photo_id))
    assert shown(item["id"]) == [made]


def test_killed_after_the_sizes_were_stored_it_is_done_again(
    staff: str, item: Any, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from store import photos

    class KilledError(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise KilledError

    photo_id = uploaded(staff, item["id"], small_jpeg())
    with monkeypatch.context() as patched:
        patched.setattr(photos, "add", killed)
        with pytest.raises(KilledError):
            complete(staff, item["id"], photo_id)
    _forget()
    assert len(stored(f"photos/{photo_id}/")) == 3
    assert shown(item["id"]) == []
    sql.execute("UPDATE store.photo_uploads SET claimed_until = now() WHERE id = %s", [photo_id])
    made = good(complete(staff, item["id"], photo_id))
    assert shown(item["id"]) == [made]


def during(monkeypatch: pytest.MonkeyPatch, deed: Callable[[], None]) -> None:
    """Have something happen while the picture is being made."""
    from store import pictures

    make = pictures.make

    def made_meanwhile(content: bytes, content_type: str) -> Any:
        try:
            return make(content, content_type)
        finally:
            deed()

    monkeypatch.setattr(pictures, "make", made_meanwhile)


def test_deleted_while_it_is_completed_it_is_gone(
    staff: str, item: Any, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from uuid import UUID

    from store import photos
    from store.database import database

    photo_id = uploaded(staff, item["id"], small_jpeg())
    key = key_of(sql, photo_id)

    def delete() -> None:
        database.transaction(lambda transaction: photos.delete(transaction, UUID(item["id"]), UUID(photo_id), None))

    during(monkeypatch, delete)
    refused(complete(staff, item["id"], photo_id), 404, "not_found")
    assert shown(item["id"]) == []
    assert stored(f"photos/{photo_id}/") == set()
    assert version(staff, item) == item["version"]
    state = sql.execute("SELECT state FROM store.photo_uploads WHERE id = %s", [photo_id]).fetchone()
    assert state == ("removed",)
    assert key.startswith("uploads/")


def test_archived_while_a_photo_is_completed_it_keeps_the_upload(
    staff: str, item: Any, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = uploaded(staff, item["id"], small_jpeg())
    with monkeypatch.context() as patched:
        archive = "UPDATE store.products SET status = 'archived' WHERE id = %s"
        during(patched, lambda: sql.execute(archive, [item["id"]]))
        refused(complete(staff, item["id"], photo_id), 409, "product_archived")
    assert stored(f"photos/{photo_id}/") == set()
    assert key_of(sql, photo_id) in stored("uploads/")
    sql.execute("UPDATE store.products SET status = 'active' WHERE id = %s", [item["id"]])
    good(complete(staff, item["id"], photo_id))


def test_completed_by_another_meanwhile_it_is_the_same_photo(
    staff: str, item: Any, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from store import photos
    from store.database import database
    from store.photos import Made

    photo_id = uploaded(staff, item["id"], small_jpeg())

    def finish() -> None:
        from uuid import UUID

        made = Made(UUID(photo_id), "", 64, 48)
        database.transaction(lambda transaction: photos.add(transaction, UUID(item["id"]), made, "https://else"))

    during(monkeypatch, finish)
    made = good(complete(staff, item["id"], photo_id))
    assert made["urls"]["small"].startswith("https://else")
    assert [each["id"] for each in shown(item["id"])] == [photo_id]
    assert version(staff, item) == item["version"] + 1


def test_two_photos_of_one_product_both_stand(staff: str, item: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The product's photos are read under its lock, not when the picture is begun."""
    from uuid import UUID

    from store import photos
    from store.database import database, files

    first, second = (uploaded(staff, item["id"], small_jpeg()) for _ in range(2))
    with monkeypatch.context() as patched:

        def other() -> None:
            patched.undo()
            made = photos.make(database, files, UUID(item["id"]), UUID(second))
            assert made is not None
            database.transaction(lambda transaction: photos.add(transaction, UUID(item["id"]), made, "https://else"))

        during(patched, other)
        good(complete(staff, item["id"], first))
    assert [each["id"] for each in shown(item["id"])] == [second, first]


def test_a_large_picture_is_done(staff: str, item: Any) -> None:
    from PIL import Image

    noise = Image.effect_noise((1500, 1000), 60).resize((7500, 5000)).convert("RGB")
    content = encoded(noise, "JPEG", quality=88, progressive=True)
    assert 3_000_000 < len(content) <= 10 * 1024 * 1024
    photo_id = uploaded(staff, item["id"], content)
    made = good(complete(staff, item["id"], photo_id))
    assert made["width"] == 2048


def test_a_picture_wrongly_announced_can_be_sent_again(staff: str, item: Any) -> None:
    png = encoded(corners(30, 30), "PNG")
    refused(complete(staff, item["id"], uploaded(staff, item["id"], png, "image/webp")), 422, "not_a_picture")
    photo(staff, item["id"], png, "image/png")
    assert len(shown(item["id"])) == 1
