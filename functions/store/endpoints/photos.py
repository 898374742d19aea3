"""POST /store/products/{id}/photos and …/{photo_id}/complete: a photo uploaded, checked and shown."""

import secrets
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from eatit.database import Transaction
from eatit.errors import DomainError, Unavailable
from eatit.http.answers import JSON, dump
from eatit.http.app import endpoint_router
from eatit.http.callers import Staff
from eatit.http.documentation import described
from eatit.settings import settings
from store import photos
from store.database import database, files, idempotency
from store.fresh import post, product_keys
from store.photo_models import PhotoAnswer, PhotoCreate, PhotoUpload

router = endpoint_router()
PATH = "/store/products/{product_id:uuid}/photos"


@router.post(
    PATH,
    tags=["photos"],
    summary="Begin a photo",
    operation_id="create_photo",
    status_code=201,
    response_model=PhotoUpload,
    openapi_extra=described("product_not_found", "product_archived", "too_many_photos", idempotent=True),
)
async def create_photo(request: Request, product_id: UUID, body: PhotoCreate, caller: Staff) -> Response:
    """Get an address to upload a photo to, for a quarter of an hour. 409 `product_archived`, `too_many_photos`."""
    photo_id = photos.new_id()
    key = f"uploads/photos/{secrets.token_urlsafe(32)}"
    upload = files.upload(key, body.content_type, body.size, seconds=photos.UPLOAD_SECONDS)

    def work(transaction: Transaction) -> Response:
        photos.promise(transaction, product_id, photo_id, key, body.content_type, body.size)
        sent = {"url": upload.url, "method": upload.method, "headers": upload.headers}
        answer = {"photo_id": photo_id, "upload": sent, "expires_at": upload.expires_at}
        headers = {"Location": f"/store/products/{product_id}/photos/{photo_id}", "Cache-Control": "no-store"}
        return Response(dump(answer), 201, headers=headers, media_type=JSON)

    return idempotency.post(request, str(caller.user_id), work)


@router.post(
    PATH + "/{photo_id:uuid}/complete",
    tags=["photos"],
    summary="Complete a photo",
    operation_id="complete_photo",
    response_model=PhotoAnswer,
    openapi_extra=described(
        "product_not_found",
        "product_archived",
        "too_many_photos",
        "not_uploaded",
        "not_a_picture",
        "unavailable",
        idempotent=True,
    ),
)
async def complete_photo(request: Request, product_id: UUID, photo_id: UUID, caller: Staff) -> Response:
    """Check what was uploaded and show it with the product. 409 `not_uploaded`; 422 `not_a_picture`, and what was
    uploaded is gone. May be repeated: the answer is the same."""
    made: photos.Made | DomainError | None
    try:
        made = photos.make(database, files, product_id, photo_id)
    except DomainError as error:
        made = error  # what was answered to the same Idempotency-Key before comes first

    def work(transaction: Transaction) -> Response:
        if isinstance(made, DomainError):
            raise made
        if made is None:
            photo = photos.standing(transaction, product_id, photo_id)
        else:
            photo = photos.add(transaction, product_id, made, settings().photos_url)
        return Response(dump(photo), 200, headers={"Cache-Control": "no-cache"}, media_type=JSON)

    try:
        answer = post(request, caller.user_id, product_keys(product_id), work)
    except Unavailable:
        raise  # perhaps it was done
    except DomainError:
        if isinstance(made, photos.Made):
            photos.discard(database, files, made)
        raise
    if isinstance(made, photos.Made):
        photos.tidy(files, [made.upload_key])
    return answer
