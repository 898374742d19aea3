"""Files: what storage answers is told apart, addresses are signed without asking, functions have no right too many."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from eatit.errors import MisconfiguredError, Unavailable
from eatit.files import Files
from eatit.settings import settings
from localstack.template import read


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "FILES_BUCKET": "eatit-files",
        "S3_URL": "",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    # boto3 keeps the credentials that it found first.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    yield Files()
    settings.cache_clear()


def test_an_address_is_the_buckets_own_and_binds_type_and_length(files: Files) -> None:
    upload = files.upload("uploads/x", "image/png", 1234, seconds=900)
    place, _, query = upload.url.partition("?")
    assert place == "https://eatit-files.s3.eu-central-1.amazonaws.com/uploads/x"
    assert "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost" in query
    assert "X-Amz-Expires=900" in query
    assert "checksum" not in query.lower()
    assert (upload.method, upload.headers) == ("PUT", {"Content-Type": "image/png", "Content-Length": "1234"})


def test_an_emulators_address_is_the_one_that_clients_reach(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://172.17.0.1:4566")
    monkeypatch.setenv("S3_URL", "http://127.0.0.1:4566")
    settings.cache_clear()
    assert files.upload("uploads/x", "image/png", 1, seconds=60).url.startswith(
        "http://127.0.0.1:4566/eatit-files/uploads/x?"
    )
    assert files._client().meta.endpoint_url == "http://172.17.0.1:4566"


def test_a_function_without_a_bucket_says_so(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILES_BUCKET", "")
    settings.cache_clear()
    with pytest.raises(MisconfiguredError, match="FILES_BUCKET"):
        files.upload("uploads/x", "image/png", 1, seconds=60)


def answering(files: Files, operation: str, code: str, status: int) -> Any:
    stub = Stubber(files._client())
    for _ in range(2):
        stub.add_client_error(operation, code, http_status_code=status)
    return stub


@pytest.mark.parametrize(
    ("code", "status"),
    [("SlowDown", 503), ("InternalError", 500), ("RequestTimeout", 400), ("ServiceUnavailable", 503)],
)
def test_trouble_that_passes_is_an_outage(files: Files, code: str, status: int) -> None:
    with answering(files, "get_object", code, status), pytest.raises(Unavailable):
        files.read("uploads/x", 10)
    with answering(files, "put_object", code, status), pytest.raises(Unavailable):
        files.write("photos/x", b"", "image/webp", cache_control="public")


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "SignatureDoesNotMatch"])
def test_a_wrong_set_up_is_none(files: Files, code: str) -> None:
    with answering(files, "get_object", code, 403), pytest.raises(ClientError):
        files.read("uploads/x", 10)


def test_what_isnt_there_is_nothing(files: Files) -> None:
    with answering(files, "get_object", "NoSuchKey", 404):
        assert files.read("uploads/x", 10) is None


def test_what_couldnt_be_removed_is_told(files: Files) -> None:
    with Stubber(files._client()) as stub:
        stub.add_response("delete_objects", {})
        files.remove(["a"])
        stub.add_response("delete_objects", {"Errors": [{"Key": "a", "Code": "InternalError"}]})
        with pytest.raises(Unavailable):
            files.remove(["a", "b"])
    files.remove([])


def rights(function: str) -> dict[str, set[str]]:
    """What a function may do in the bucket: the actions, by what they are allowed on."""
    found: dict[str, set[str]] = {}
    for policy in read()["Resources"][function]["Properties"]["Policies"]:
        for statement in policy["Statement"]:
            actions = statement.get("Action", [])
            actions = [actions] if isinstance(actions, str) else actions
            resources = statement.get("Resource", [])
            for resource in resources if isinstance(resources, list) else [resources]:
                place = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
                if any(action.startswith("s3:") for action in actions):
                    found.setdefault(place.rpartition(":::")[2], set()).update(actions)
    return found


def test_functions_may_do_with_photos_what_they_do() -> None:
    bucket = "${FilesBucket}"
    store = rights("StoreFunction")
    assert store[f"{bucket}/uploads/*"] == {"s3:PutObject", "s3:GetObject", "s3:DeleteObject"}
    assert store[f"{bucket}/photos/*"] == {"s3:PutObject", "s3:DeleteObject"}
    assert store[bucket] == {"s3:ListBucket"}
    swept = rights("UpkeepFunction")
    assert swept == {f"{bucket}/{prefix}/*": {"s3:DeleteObject"} for prefix in ("uploads", "photos")}
    for name, resource in read()["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            assert not any(action == "s3:*" for actions in rights(name).values() for action in actions), name
            assert all(place.startswith(bucket) for place in rights(name)), name


def test_only_photos_are_for_all_to_see() -> None:
    resources = read()["Resources"]
    (statement,) = resources["PhotosForAll"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "s3:GetObject"
    assert statement["Resource"]["Fn::Sub"].endswith(":::${FilesBucket}/photos/*")
    rules = resources["FilesBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules}["uploads/"] == 1
    assert not any(rule["Prefix"].startswith("photos") for rule in rules)
