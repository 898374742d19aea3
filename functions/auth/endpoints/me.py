"""GET and PATCH /auth/me: the signed-in user."""

from starlette.requests import Request
from starlette.responses import Response

from auth import accounts
from auth.answers import user_response
from auth.callers import Enrolling, SignedIn
from auth.database import database
from auth.models import UserAnswer, UserChange
from eatit.errors import NotFound, Unauthenticated
from eatit.http.answers import expected_versions
from eatit.http.app import endpoint_router
from eatit.http.documentation import described

router = endpoint_router()


@router.get(
    "/auth/me",
    tags=["accounts"],
    summary="Get who is signed in",
    operation_id="get_me",
    response_model=UserAnswer,
    openapi_extra=described(etag=True),
)
async def get_me(request: Request, caller: Enrolling) -> Response:
    """Who is signed in."""
    try:
        user = accounts.user_by_id(database, caller.user_id)
    except NotFound:
        raise Unauthenticated("invalid_token") from None
    return user_response(request, user)


@router.patch(
    "/auth/me",
    tags=["accounts"],
    summary="Change oneself",
    operation_id="change_me",
    response_model=UserAnswer,
    openapi_extra=described(etag=True),
)
async def change_me(request: Request, body: UserChange, caller: SignedIn) -> Response:
    """Change one's own name or language."""
    expected = expected_versions(request)
    try:
        user = database.transaction(
            lambda transaction: accounts.change_account(transaction, caller.user_id, body.given(), expected)
        )
    except NotFound:
        raise Unauthenticated("invalid_token") from None
    return user_response(request, user)
