"""Photos on storage that checks: an address takes the one file that it was signed for, and nothing else."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from localstack.template import read
from tests.conftest import ROOT
from tests.functions.calls import call, eventually, good, product
from tests.functions.conftest import _forget
from tests.functions.object_storage import BUCKET, ObjectStorage, object_storage
from tests.functions.uploads import begin, complete, key_of, photo, send, shown
from tests.photo_files import bad_files, small_jpeg


def policy() -> Any:
    """The policy that template.yaml gives the bucket."""
    document = read()["Resources"]["PhotosForAll"]["Properties"]["PolicyDocument"]
    resource = document["Statement"][0]["Resource"]["Fn::Sub"]
    document["Statement"][0]["Resource"] = resource.replace("${AWS::Partition}", "aws").replace(
        "${FilesBucket}", BUCKET
    )
    return document


@pytest.fixture(scope="module")
def server(shop: dict[str, Any]) -> Iterator[ObjectStorage]:
    directory = Path(ROOT) / ".run" / "tests" / f"storage-{uuid.uuid4().hex[:8]}"
    with object_storage(directory, policy()) as started:
        yield started


@pytest.fixture
def storage(server: ObjectStorage, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStorage]:
    """The functions of this process keep their files there, secrets stay where they are."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    monkeypatch.setenv("S3_URL", server.url)
    monkeypatch.setenv("PHOTOS_URL", f"{server.url}/{server.bucket}")
    monkeypatch.setenv("FILES_BUCKET", server.bucket)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    _forget()
    _without_default_session()
    yield server
    monkeypatch.undo()
    _without_default_session()
    _forget()


def _without_default_session() -> None:
    """boto3 keeps the credentials that it found first."""
    import boto3

    boto3.DEFAULT_SESSION = None


@pytest.fixture
def item(staff: str) -> Any:
    return product(staff)


def test_a_photo_is_uploaded_shown_and_deleted(staff: str, item: Any, storage: ObjectStorage) -> None:
    made = photo(staff, item["id"], small_jpeg())
    assert set(storage.keys("photos/")) >= {f"photos/{made['id']}/{size}.webp" for size in made["urls"]}
    for url in made["urls"].values():
        got = requests.get(url, timeout=10)
        assert (got.status_code, got.headers["Content-Type"]) == (200, "image/webp")
        assert got.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert storage.keys("uploads/photos/") == []
    path = f"/store/products/{item['id']}/photos/{made['id']}"
    assert call("DELETE", path, token=staff).status == 204
    assert storage.keys(f"photos/{made['id']}/") == []
    assert requests.get(made["urls"]["small"], timeout=10).status_code in (403, 404)


def test_uploads_are_nobodys_to_read(staff: str, item: Any, storage: ObjectStorage, sql: Any) -> None:
    begun = begin(staff, item["id"], small_jpeg())
    assert send(begun["upload"], small_jpeg()).status_code == 200
    key = key_of(sql, begun["photo_id"])
    assert key in storage.keys("uploads/")
    for url in (f"{storage.url}/{storage.bucket}/{key}", begun["upload"]["url"]):
        assert requests.get(url, timeout=10).status_code == 403
    assert requests.get(f"{storage.url}/{storage.bucket}?list-type=2", timeout=10).status_code == 403
    anonymous = requests.put(f"{storage.url}/{storage.bucket}/photos/x/small.webp", data=b"x", timeout=10)
    assert anonymous.status_code == 403


def tampered(upload: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The same upload, each with one thing changed."""
    url, headers = upload["url"], upload["headers"]
    signature = url.rpartition("=")[2]
    key = urlsplit(url).path
    return {
        "another signature": {"url": url.replace(signature, signature[::-1])},
        "no signature": {"url": url.partition("?")[0]},
        "another key": {"url": url.replace(key, f"{key}x")},
        "a key that is shown": {"url": url.replace("/uploads/", "/photos/")},
        "another expiry": {"url": url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000")},
        "another method": {"method": "DELETE"},
        "another content type": {"headers": {**headers, "Content-Type": "text/html"}},
        "no content type": {"headers": {"Content-Length": headers["Content-Length"]}},
        "a longer file": {"data": small_jpeg() + b"<script>", "headers": {"Content-Type": "image/jpeg"}},
        "a shorter file": {"data": small_jpeg()[:-1], "headers": {"Content-Type": "image/jpeg"}},
    }


def test_an_address_takes_only_what_it_was_signed_for(staff: str, item: Any, storage: ObjectStorage, sql: Any) -> None:
    begun = begin(staff, item["id"], small_jpeg())
    before = storage.keys()
    as_given = {"method": "PUT", "data": small_jpeg(), **begun["upload"]}
    for name, changed in tampered(begun["upload"]).items():
        answer = requests.request(**{**as_given, **changed}, timeout=10)
        assert answer.status_code == 403, (name, answer.status_code, answer.text[:300])
    assert storage.keys() == before
    assert complete(staff, item["id"], begun["photo_id"]).body["code"] == "not_uploaded"
    assert requests.request(**as_given, timeout=10).status_code == 200
    good(complete(staff, item["id"], begun["photo_id"]))


def test_an_address_expires(staff: str, item: Any, storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    from store import photos

    monkeypatch.setattr(photos, "UPLOAD_SECONDS", 1)
    begun = begin(staff, item["id"], small_jpeg())

    def expired() -> None:
        # Sent short: refused for that at first, and for the time as soon as it is over.
        answer = requests.put(begun["upload"]["url"], data=b"", headers={"Content-Type": "image/jpeg"}, timeout=10)
        assert "expired" in answer.text

    eventually(expired)
    answer = send(begun["upload"], small_jpeg())
    assert (answer.status_code, "expired" in answer.text) == (403, True)
    assert complete(staff, item["id"], begun["photo_id"]).body["code"] == "not_uploaded"


def test_what_is_no_picture_is_gone_there_too(staff: str, item: Any, storage: ObjectStorage) -> None:
    content_type, content = bad_files()["html under a png's head"]
    begun = begin(staff, item["id"], content, content_type)
    assert send(begun["upload"], content).status_code == 200
    assert len(storage.keys("uploads/photos/")) >= 1
    before = set(storage.keys("uploads/photos/"))
    assert complete(staff, item["id"], begun["photo_id"]).body["code"] == "not_a_picture"
    assert len(before - set(storage.keys("uploads/photos/"))) == 1
    assert shown(item["id"]) == []


def test_no_rights_is_no_outage(staff: str, item: Any, storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong credentials are a set-up's fault: told as 500 and logged, nothing deleted."""
    begun = begin(staff, item["id"], small_jpeg())
    assert send(begun["upload"], small_jpeg()).status_code == 200
    before = storage.keys("uploads/")
    with monkeypatch.context() as patched:
        patched.setenv("AWS_SECRET_ACCESS_KEY", "another")
        _without_default_session()
        _forget()
        assert complete(staff, item["id"], begun["photo_id"]).status == 500
    assert storage.keys("uploads/") == before
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == storage.secret_key
