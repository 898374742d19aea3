"""GET, PATCH and DELETE /store/categories/{id}: one category."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from eatit.http.answers import dump, entity, expected_versions
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone, Staff
from eatit.http.documentation import described
from store import categories
from store.answers import audience_of, category_answer, language_of
from store.database import database
from store.fresh import change, tree_keys
from store.models import CategoryAnswer, CategoryChange

router = endpoint_router()
PATH = "/store/categories/{category_id:uuid}"


def _answered(request: Request, row: categories.Category, depth: int, audience: str) -> Response:
    body = dump(category_answer(row, depth, audience))
    return entity(request, body, version=row.version, language=language_of(audience))


@router.get(
    PATH,
    tags=["categories"],
    summary="Get one category",
    operation_id="get_category",
    response_model=CategoryAnswer,
    openapi_extra=described(etag=True, localized=True),
)
async def get_category(request: Request, category_id: UUID, caller: Anyone) -> Response:
    """One category."""
    row, depth = categories.category_by_id(database, category_id)
    return _answered(request, row, depth, audience_of(request, caller))


@router.patch(
    PATH,
    tags=["categories"],
    summary="Change a category",
    operation_id="change_category",
    response_model=CategoryAnswer,
    openapi_extra=described("slug_taken", "category_cycle", etag=True, localized=True),
)
async def change_category(request: Request, category_id: UUID, body: CategoryChange, _caller: Staff) -> Response:
    """Change or move a category. 409 `category_cycle`, `slug_taken`."""
    expected = expected_versions(request)
    row, depth = change(
        tree_keys(),
        lambda transaction: categories.change_category(transaction, category_id, body.given(), expected),
    )
    return _answered(request, row, depth, "staff")


@router.delete(
    PATH,
    tags=["categories"],
    summary="Delete a category",
    operation_id="delete_category",
    status_code=204,
    openapi_extra=described("in_use"),
)
async def delete_category(request: Request, category_id: UUID, _caller: Staff) -> Response:
    """Delete a category that holds nothing. 409 `in_use`."""
    expected = expected_versions(request)
    change(tree_keys(), lambda transaction: categories.delete_category(transaction, category_id, expected))
    return Response(None, 204)
