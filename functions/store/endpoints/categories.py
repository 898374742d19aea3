"""GET and POST /store/categories: the tree of categories."""

from starlette.requests import Request
from starlette.responses import Response

from eatit.database import Transaction
from eatit.http.answers import dump, entity
from eatit.http.app import endpoint_router
from eatit.http.callers import Anyone, Staff
from eatit.http.documentation import described
from store import categories
from store.answers import audience_of, category_answer, language_of
from store.database import cache, database
from store.fresh import CONSTANT_SECONDS, post, tree_key, tree_keys
from store.models import CategoryAnswer, CategoryCreate, CategoryTree

router = endpoint_router()


@router.get(
    "/store/categories",
    tags=["categories"],
    summary="Get the tree of categories",
    operation_id="list_categories",
    response_model=CategoryTree,
    openapi_extra=described(etag=True, localized=True),
)
async def list_categories(request: Request, caller: Anyone) -> Response:
    """The whole tree, every category after its parent."""
    audience = audience_of(request, caller)

    def fill() -> bytes:
        tree = categories.whole_tree(database)
        items = [category_answer(row, depth, audience) for row, depth in tree]
        return dump({"items": items, "next_cursor": None})

    staff = audience == "staff"
    body = fill() if staff else cache.get_or_fill(tree_key(audience), fill, seconds=CONSTANT_SECONDS)
    assert body is not None
    return entity(request, body, version=0, language=language_of(audience))


@router.post(
    "/store/categories",
    tags=["categories"],
    summary="Make a category",
    operation_id="create_category",
    status_code=201,
    response_model=CategoryAnswer,
    openapi_extra=described("slug_taken", etag=True, idempotent=True),
)
async def create_category(request: Request, body: CategoryCreate, caller: Staff) -> Response:
    """Make a category. 409 `slug_taken`."""

    def work(transaction: Transaction) -> Response:
        row, depth = categories.create_category(transaction, body.model_dump())
        answer = dump(category_answer(row, depth, "staff"))
        headers = {"Location": f"/store/categories/{row.id}"}
        return entity(request, answer, version=row.version, status=201, headers=headers)

    return post(request, caller.user_id, tree_keys(), work)
