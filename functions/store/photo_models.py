"""The shapes of photos: what is sent and what is answered."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from eatit.http.shapes import Answer, Body
from store.photos import MOST_BYTES


class PhotoCreate(Body):
    """A picture that is about to be uploaded: its media type and its size in bytes, exactly."""

    content_type: Literal["image/jpeg", "image/png", "image/webp"]
    size: Annotated[int, Field(ge=1, le=MOST_BYTES, strict=True)]


class PhotoChange(Body):
    """Where a photo stands among its product's, from 0; beyond the last is the last."""

    position: Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


class UploadAnswer(Answer):
    """How a file is sent: one request of this method to this address with exactly these headers."""

    url: Annotated[str, Field(json_schema_extra={"format": "uri"})]
    method: Literal["PUT"]
    headers: dict[str, str]


class PhotoUpload(Answer):
    """Where a photo may be uploaded, and until when."""

    photo_id: UUID
    upload: UploadAnswer
    expires_at: datetime


class PhotoUrls(Answer):
    """Absolute addresses that need no token, of WebP files: the longest side is 320, 960 and 2048 pixels at most."""

    small: str
    medium: str
    original: str


class PhotoAnswer(Answer):
    """A photo; width and height in pixels are those of `original`."""

    id: UUID
    urls: PhotoUrls
    width: int
    height: int
    position: int
