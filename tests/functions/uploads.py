"""Photos uploaded as a shop keeper's program does it: an address asked for, the file sent there, the photo shown."""

import os
from typing import Any

import requests

from tests.functions.calls import Answer, call, good


def begin(token: str, product_id: str, content: bytes, content_type: str = "image/jpeg") -> Any:
    """A photo that may be uploaded now."""
    body = {"content_type": content_type, "size": len(content)}
    return good(call("POST", f"/store/products/{product_id}/photos", body, token=token), 201)


def send(upload: dict[str, Any], content: bytes) -> requests.Response:
    """The file, sent as the answer says."""
    return requests.request(upload["method"], upload["url"], data=content, headers=upload["headers"], timeout=30)


def complete(token: str, product_id: str, photo_id: str, **given: Any) -> Answer:
    """The photo completed."""
    return call("POST", f"/store/products/{product_id}/photos/{photo_id}/complete", token=token, **given)


def uploaded(token: str, product_id: str, content: bytes, content_type: str = "image/jpeg") -> str:
    """The id of a photo that is uploaded and not completed."""
    begun = begin(token, product_id, content, content_type)
    assert send(begun["upload"], content).status_code == 200
    return str(begun["photo_id"])


def photo(token: str, product_id: str, content: bytes, content_type: str = "image/jpeg") -> Any:
    """A photo, whole."""
    return good(complete(token, product_id, uploaded(token, product_id, content, content_type)))


def shown(product_id: str, token: str | None = None) -> Any:
    """The product's photos as anybody sees them."""
    return good(call("GET", f"/store/products/{product_id}", token=token))["photos"]


def stored(prefix: str = "") -> set[str]:
    """The keys that lie in the bucket."""
    from eatit.files import Files

    client = Files()._client()
    found = client.list_objects_v2(Bucket=os.environ["FILES_BUCKET"], Prefix=prefix)
    return {each["Key"] for each in found.get("Contents", [])}


def key_of(sql: Any, photo_id: str) -> str:
    """Where a photo's file is uploaded to."""
    return str(sql.execute("SELECT key FROM store.photo_uploads WHERE id = %s", [photo_id]).fetchone()[0])
