"""Photos: uploads promised and checked, and the pictures that stand with a product, in their order.

An upload's row is claimed by whoever completes it, so that two at once do the work once; what stands is decided in one
transaction at the end, and everything that was stored for nothing is found by its row and swept (`operations.upkeep`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Row, bindparam, func, insert, or_, select, text, update

from eatit.database import Database, Transaction
from eatit.errors import Conflict, DomainError, NotFound, Unavailable, check_version
from eatit.identifiers import uuid7
from eatit.observability import logger
from store import pictures
from store.catalogue import announced
from store.tables import photo_uploads as uploads
from store.tables import products

MOST_PHOTOS = 20
MOST_BYTES = 10 * 1024 * 1024
UPLOAD_SECONDS = 900
CLAIM_SECONDS = 15  # longer than the function may run: whoever claimed has ended by then
WAIT_SECONDS = 7.0  # for another who is completing the same
# What is stored under a key never changes.
CACHE_CONTROL = "public, max-age=31536000, immutable"
PUBLISHED_TYPE = "image/webp"
REASONS = {
    "other_kind": ("The bytes aren't of the kind that content_type says", "Это не тот тип, что указан в content_type"),
    "unreadable": ("It can't be read as a picture", "Это не читается как изображение"),
    "too_large": (
        "It has too many pixels: at most 50 million, as WebP 25 million",
        "В нём слишком много точек: не больше 50 миллионов, в WebP — 25 миллионов",
    ),
    "other_size": ("It isn't of the size that was announced", "Это не того размера, что был указан"),
}

_product = select(products.c.status, products.c.photos).where(products.c.id == bindparam("id"))
_product_kept = _product.with_for_update(key_share=True, read=True)
_product_locked = select(products).where(products.c.id == bindparam("id")).with_for_update(key_share=True)
_upload = select(uploads).where(uploads.c.id == bindparam("id"), uploads.c.product_id == bindparam("product"))
_upload_locked = _upload.with_for_update()
_claim = (
    update(uploads)
    .where(
        uploads.c.id == bindparam("photo"),
        uploads.c.product_id == bindparam("product"),
        uploads.c.state == "waiting",
        or_(uploads.c.claimed_until.is_(None), uploads.c.claimed_until < func.now()),
    )
    .values(claimed_until=func.now() + text(f"interval '{CLAIM_SECONDS} seconds'"))
    .returning(uploads)
)
_unclaim = (
    update(uploads).where(uploads.c.id == bindparam("photo"), uploads.c.state == "waiting").values(claimed_until=None)
)
_refuse = (
    update(uploads)
    .where(uploads.c.id == bindparam("photo"), uploads.c.state == "waiting")
    .values(state="refused", reason=bindparam("why"), ended_at=func.now())
)
_remove = update(uploads).where(uploads.c.id == bindparam("photo")).values(
    state="removed", reason=None, ended_at=func.now()
)  # fmt: skip
_finish = update(uploads).where(uploads.c.id == bindparam("photo")).values(state="done", ended_at=func.now())

Photo = dict[str, Any]


class Storage(Protocol):
    """What is needed of `eatit.files.Files`."""

    def read(self, key: str, most: int) -> bytes | None: ...
    def write(self, key: str, content: bytes, content_type: str, *, cache_control: str) -> None: ...
    def remove(self, keys: Sequence[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Made:
    """A picture that was checked and stored in its sizes, and stands with no product yet."""

    photo_id: UUID
    upload_key: str
    width: int
    height: int


def published_keys(photo_id: UUID) -> list[str]:
    """Where a photo's sizes are stored."""
    return [_published_key(photo_id, size) for size in pictures.SIZES]


def _published_key(photo_id: UUID, size: str) -> str:
    return f"photos/{photo_id}/{size}.webp"


def promise(transaction: Transaction, product_id: UUID, photo_id: UUID, key: str, content_type: str, size: int) -> None:
    """Note that a photo may be uploaded under `key`. Raises `NotFound`, `Conflict` (`product_archived`,
    `too_many_photos`)."""
    _check(transaction.execute(_product_kept, {"id": product_id}).one_or_none())
    row = {"id": photo_id, "product_id": product_id, "key": key, "content_type": content_type, "size": size}
    transaction.execute(insert(uploads).values(**row))


def new_id() -> UUID:
    """The id of a photo to come."""
    return uuid7()


def make(database: Database, storage: Storage, product_id: UUID, photo_id: UUID) -> Made | None:
    """Check what was uploaded and store its sizes; `None` when that was done before, by whoever it was.

    Takes seconds, and so is done outside any transaction. Raises `NotFound`; `Conflict`: `product_archived`,
    `too_many_photos`, `not_uploaded`, `request_in_progress` (another is at it and doesn't come to an end);
    `DomainError` (`not_a_picture`), the upload then being gone; `Unavailable`.
    """
    upload = _claimed(database, product_id, photo_id)
    if upload is None:
        return None
    try:
        try:
            made = _pictures_of(storage, upload)
            for size, file in made.files.items():
                key = _published_key(photo_id, size)
                storage.write(key, file, PUBLISHED_TYPE, cache_control=CACHE_CONTROL)
        except pictures.NotAPicture as error:
            storage.remove([upload.key])
            database.write(_refuse, {"photo": photo_id, "why": error.reason})
            raise _refused(error.reason) from error
    except (Conflict, Unavailable):
        # Whoever tries again needn't wait for the claim to lapse.
        database.write(_unclaim, {"photo": photo_id})
        raise
    return Made(photo_id, upload.key, made.width, made.height)


def _pictures_of(storage: Storage, upload: Row[Any]) -> pictures.Pictures:
    content = storage.read(upload.key, MOST_BYTES + 1)
    if content is None:
        raise Conflict("not_uploaded")
    if len(content) != upload.size:
        raise pictures.NotAPicture("other_size")
    return pictures.make(content, upload.content_type)


def _claimed(database: Database, product_id: UUID, photo_id: UUID) -> Row[Any] | None:
    """The upload, now ours to complete; `None` when it is complete. Waits for another who is completing it."""
    named = {"id": photo_id, "product": product_id}
    deadline, pause = time.monotonic() + WAIT_SECONDS, 0.02
    while True:
        product = database.read(_product, {"id": product_id}).one_or_none()
        upload = database.read(_upload, named).one_or_none()
        if product is None:
            raise NotFound("product_not_found")
        if upload is None or upload.state == "removed":
            raise NotFound
        if upload.state == "done":
            return None
        if upload.state == "refused":
            raise _refused(upload.reason)
        _check(product)
        mine = database.write(_claim, {"photo": photo_id, "product": product_id}).one_or_none()
        if mine is not None:
            return mine
        if time.monotonic() > deadline:
            raise Conflict("request_in_progress")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def add(transaction: Transaction, product_id: UUID, made: Made, photos_url: str) -> Photo:
    """Put a photo that was made behind the product's others, with its event. `photos_url`: where `photos/` is seen.

    Raises `NotFound` when it was deleted meanwhile, `Conflict` (`product_archived`, `too_many_photos`).
    """
    row = _locked(transaction, product_id)
    upload = transaction.execute(_upload_locked, {"id": made.photo_id, "product": product_id}).one_or_none()
    if upload is None or upload.state in ("removed", "refused"):
        raise NotFound
    if upload.state == "waiting":
        _check(row)
        transaction.execute(_finish, {"photo": made.photo_id})
        urls = {size: f"{photos_url}/{_published_key(made.photo_id, size)}" for size in pictures.SIZES}
        photo = {"id": str(made.photo_id), "urls": urls, "width": made.width, "height": made.height}
        _keep(transaction, product_id, [*row.photos, photo])
    return standing(transaction, product_id, made.photo_id)


def standing(transaction: Transaction, product_id: UUID, photo_id: UUID) -> Photo:
    """The photo as it stands with its product. Raises `NotFound`."""
    row = transaction.execute(_product, {"id": product_id}).one_or_none()
    if row is None:
        raise NotFound("product_not_found")
    return row.photos[_place(row.photos, photo_id)]  # type: ignore[no-any-return]


def move(
    transaction: Transaction, product_id: UUID, photo_id: UUID, position: int, expected: list[int] | None
) -> Photo:
    """Put a photo at a position, from 0; beyond the last is the last. The others make way.

    Raises `NotFound`, `Stale` (of the product's version), `Conflict` (`not_uploaded`: it isn't complete).
    """
    row = _locked(transaction, product_id)
    check_version(row.version, expected)
    place = _place(row.photos, photo_id, transaction.execute(_upload, {"id": photo_id, "product": product_id}))
    others = [photo for photo in row.photos if photo is not row.photos[place]]
    others.insert(position, row.photos[place])
    if others != row.photos:
        _keep(transaction, product_id, others)
    return standing(transaction, product_id, photo_id)


def delete(transaction: Transaction, product_id: UUID, photo_id: UUID, expected: list[int] | None) -> list[str]:
    """Take a photo away, or what was promised of it → the keys to remove from storage once this is committed.

    Raises `NotFound`, `Stale` (of the product's version).
    """
    row = _locked(transaction, product_id)
    check_version(row.version, expected)
    upload = transaction.execute(_upload_locked, {"id": photo_id, "product": product_id}).one_or_none()
    if upload is None or upload.state == "removed":
        raise NotFound
    transaction.execute(_remove, {"photo": photo_id})
    left = [photo for photo in row.photos if photo["id"] != str(photo_id)]
    if left != row.photos:
        _keep(transaction, product_id, left)
    return [upload.key, *published_keys(photo_id)]


def tidy(storage: Storage, keys: Sequence[str]) -> None:
    """Remove what no row counts on any more; what can't be removed now is swept later."""
    try:
        storage.remove(keys)
    except Unavailable:
        logger.warning("files are left to be swept", extra={"keys": list(keys)})


def discard(database: Database, storage: Storage, made: Made) -> None:
    """Take back what was made for a photo that can't stand, so that it may be completed again, if it may at all."""
    tidy(storage, published_keys(made.photo_id))
    database.write(_unclaim, {"photo": made.photo_id})


def _check(product: Row[Any] | None) -> None:
    """That one more photo may stand with it."""
    if product is None:
        raise NotFound("product_not_found")
    if product.status == "archived":
        raise Conflict("product_archived")
    if len(product.photos) >= MOST_PHOTOS:
        raise Conflict("too_many_photos", most=MOST_PHOTOS)


def _refused(reason: str) -> DomainError:
    return DomainError("not_a_picture", why=REASONS[reason], extra={"reason": reason})


def _locked(transaction: Transaction, product_id: UUID) -> Row[Any]:
    row = transaction.execute(_product_locked, {"id": product_id}).one_or_none()
    if row is None:
        raise NotFound("product_not_found")
    return row


def _place(photos: list[Photo], photo_id: UUID, upload: Any = None) -> int:
    for place, photo in enumerate(photos):
        if photo["id"] == str(photo_id):
            return place
    row = None if upload is None else upload.one_or_none()
    if row is not None and row.state == "waiting":
        raise Conflict("not_uploaded")
    raise NotFound


def _keep(transaction: Transaction, product_id: UUID, photos: list[Photo]) -> None:
    numbered = [{**photo, "position": position} for position, photo in enumerate(photos)]
    transaction.execute(
        update(products)
        .where(products.c.id == product_id)
        .values(photos=numbered, version=products.c.version + 1, updated_at=func.now())
    )
    announced(transaction, product_id)
