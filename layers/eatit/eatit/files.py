"""Files in object storage (S3): uploads that clients make by a presigned address, and what functions do themselves.

boto3 comes with the Lambda runtime and costs a fifth of a second to import, so it is imported at first use.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from eatit.errors import MisconfiguredError, Unavailable
from eatit.settings import settings

CONNECT_SECONDS = 1.0
READ_SECONDS = 3.0
_ABSENT = ("NoSuchKey", "NotFound", "404")
_BUSY = ("SlowDown", "RequestTimeout", "RequestTimeTooSkewed", "ServiceUnavailable", "Throttling")


@dataclass(frozen=True, slots=True)
class Upload:
    """What a client sends a file by: one request of this method to this address with exactly these headers."""

    url: str
    method: str
    headers: dict[str, str]
    expires_at: datetime


class UploadEnded(Exception):
    """Somebody else made the file of an upload in parts, or gave it up: no part can be added."""


class Files:
    """The bucket of `FILES_BUCKET`. Every method but `upload` raises `Unavailable` when storage can't be reached."""

    def __init__(self) -> None:
        self._own: Any = None
        self._clients: Any = None

    def upload(self, key: str, content_type: str, size: int, *, seconds: int) -> Upload:
        """A presigned PUT for one file of this media type and of exactly `size` bytes; asks no server for it.

        Signature version 4 binds both headers. The address is the one that clients reach. On AWS it also ends with the
        credentials that signed it, which may be sooner than `seconds`.
        """
        given = {"Bucket": _bucket(), "Key": key, "ContentType": content_type, "ContentLength": size}
        ends = datetime.now(UTC) + timedelta(seconds=seconds)
        url = self._for_clients().generate_presigned_url("put_object", Params=given, ExpiresIn=seconds)
        return Upload(url, "PUT", {"Content-Type": content_type, "Content-Length": str(size)}, ends)

    def read(self, key: str, most: int) -> bytes | None:
        """A file's bytes, cut off after `most`; `None` when there is no such file."""
        from botocore.exceptions import ClientError

        with _reachable():
            try:
                answer = self._client().get_object(Bucket=_bucket(), Key=key)
            except ClientError as error:
                if error.response["Error"]["Code"] in _ABSENT:
                    return None
                raise
            with answer["Body"] as body:
                return bytes(body.read(most))

    def write(self, key: str, content: bytes, content_type: str, *, cache_control: str) -> None:
        """Write a file, over one of the same key."""
        with _reachable():
            self._client().put_object(
                Bucket=_bucket(), Key=key, Body=content, ContentType=content_type, CacheControl=cache_control
            )

    def remove(self, keys: Iterable[str]) -> None:
        """Remove files, up to a thousand; those that aren't there are as good as removed."""
        named = [{"Key": key} for key in keys]
        if not named:
            return
        with _reachable():
            answer = self._client().delete_objects(Bucket=_bucket(), Delete={"Objects": named, "Quiet": True})
        if answer.get("Errors"):
            raise Unavailable(what="files") from RuntimeError(answer["Errors"][0].get("Code", "not removed"))

    def download(self, key: str, name: str, *, seconds: int) -> str:
        """A presigned address at which clients get a file under this name; asks no server for it."""
        given = {"Bucket": _bucket(), "Key": key, "ResponseContentDisposition": f'attachment; filename="{name}"'}
        return str(self._for_clients().generate_presigned_url("get_object", Params=given, ExpiresIn=seconds))

    def size(self, key: str) -> int | None:
        """How many bytes a file has; `None` when there is no such file."""
        from botocore.exceptions import ClientError

        with _reachable():
            try:
                return int(self._client().head_object(Bucket=_bucket(), Key=key)["ContentLength"])
            except ClientError as error:
                if error.response["Error"]["Code"] in _ABSENT:
                    return None
                raise

    def read_range(self, key: str, start: int, end: int) -> bytes | None:
        """A file's bytes from `start` up to `end`, which it must have; `None` when there is no such file."""
        from botocore.exceptions import ClientError

        with _reachable():
            try:
                answer = self._client().get_object(Bucket=_bucket(), Key=key, Range=f"bytes={start}-{end - 1}")
            except ClientError as error:
                if error.response["Error"]["Code"] in _ABSENT:
                    return None
                raise
            with answer["Body"] as body:
                content = bytes(body.read())
        if len(content) != end - start:
            raise Unavailable(what="files")
        return content

    def begin_parts(self, key: str, content_type: str) -> str:
        """Begin to write a file in parts → the upload's id."""
        with _reachable():
            begun = self._client().create_multipart_upload(Bucket=_bucket(), Key=key, ContentType=content_type)
        return str(begun["UploadId"])

    def write_part(self, key: str, upload_id: str, number: int, content: bytes) -> str:
        """Write the part of this number, from 1 on → its tag; all but the last have 5 MiB or more. Of one written twice
        the later stands."""
        part = {"Bucket": _bucket(), "Key": key, "UploadId": upload_id, "PartNumber": number}
        with _reachable(), _going_on():
            return str(self._client().upload_part(Body=content, **part)["ETag"])

    def end_parts(self, key: str, upload_id: str, written: Sequence[tuple[int, str]]) -> None:
        """Make the file of these parts, each a number and a tag, in the order of numbers. Said again, it stands."""
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in written]
        with _reachable():
            try:
                with _going_on():
                    self._client().complete_multipart_upload(
                        Bucket=_bucket(), Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
                    )
            except UploadEnded:
                if self.size(key) is None:
                    raise

    def close(self) -> None:
        """Forget the connections; the next call opens others."""
        self._own = self._clients = None

    def _client(self) -> Any:
        if self._own is None:
            self._own = _made(None)
        return self._own

    def _for_clients(self) -> Any:
        if self._clients is None:
            seen_at = settings().s3_url
            self._clients = _made(seen_at) if seen_at else self._client()
        return self._clients


def _bucket() -> str:
    bucket = settings().files_bucket
    if not bucket:
        raise MisconfiguredError("FILES_BUCKET is not set: this function keeps no files")
    return bucket


def _made(endpoint_url: str | None) -> Any:
    import boto3
    from botocore.config import Config

    # An emulator's bucket is in the path, as its name is in no DNS. Checksums beyond what S3 demands would be signed
    # into addresses, and whoever uploads would have to know them.
    style = "path" if settings().s3_url else "virtual"
    configuration = Config(
        signature_version="s3v4",
        s3={"addressing_style": style},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
    )
    return boto3.client("s3", endpoint_url=endpoint_url, config=configuration)


@contextmanager
def _going_on() -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchUpload":
            raise UploadEnded from error
        raise


@contextmanager
def _reachable() -> Iterator[None]:
    """boto3's errors as ours; what only a wrong set-up explains is passed on, to be logged whole."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500 or error.response["Error"]["Code"] in _BUSY:
            raise Unavailable(what="files") from error
        raise
    except BotoCoreError as error:
        raise Unavailable(what="files") from error
