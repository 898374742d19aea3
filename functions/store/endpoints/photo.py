"""PATCH and DELETE /store/products/{id}/photos/{photo_id}: a photo's place among the others, and its end."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from eatit.http.answers import JSON, dump, expected_versions
from eatit.http.app import endpoint_router
from eatit.http.callers import Staff
from eatit.http.documentation import described
from store import photos
from store.database import files
from store.fresh import change, product_keys
from store.photo_models import PhotoAnswer, PhotoChange

router = endpoint_router()
PATH = "/store/products/{product_id:uuid}/photos/{photo_id:uuid}"


@router.patch(
    PATH,
    tags=["photos"],
    summary="Move a photo",
    operation_id="change_photo",
    response_model=PhotoAnswer,
    openapi_extra=described("product_not_found", "not_uploaded"),
)
async def change_photo(
    request: Request, product_id: UUID, photo_id: UUID, body: PhotoChange, _caller: Staff
) -> Response:
    """Put a photo at another position; the others make way. `If-Match` is the product's ETag."""
    expected = expected_versions(request)
    photo = change(
        product_keys(product_id),
        lambda transaction: photos.move(transaction, product_id, photo_id, body.position, expected),
    )
    return Response(dump(photo), 200, headers={"Cache-Control": "no-cache"}, media_type=JSON)


@router.delete(
    PATH,
    tags=["photos"],
    summary="Delete a photo",
    operation_id="delete_photo",
    status_code=204,
    openapi_extra=described("product_not_found"),
)
async def delete_photo(request: Request, product_id: UUID, photo_id: UUID, _caller: Staff) -> Response:
    """Delete a photo, or call its upload off. `If-Match` is the product's ETag."""
    expected = expected_versions(request)
    keys = change(
        product_keys(product_id), lambda transaction: photos.delete(transaction, product_id, photo_id, expected)
    )
    photos.tidy(files, keys)
    return Response(None, 204)
