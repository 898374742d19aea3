"""GET and PATCH /auth/users/{id}: one user, as admins see and change them."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from auth import users
from auth.answers import client_of
from auth.callers import Admin
from auth.database import database
from auth.models import AdminChange, KnownUserAnswer
from eatit.http.answers import dump, entity, expected_versions
from eatit.http.app import endpoint_router
from eatit.http.documentation import described

router = endpoint_router()
PATH = "/auth/users/{user_id:uuid}"


@router.get(
    PATH,
    tags=["users"],
    summary="Get one user",
    operation_id="get_user",
    response_model=KnownUserAnswer,
    openapi_extra=described(etag=True),
)
async def get_user(request: Request, user_id: UUID, _caller: Admin) -> Response:
    """One user, disabled or not."""
    return _answered(request, users.known_user(database, user_id))


@router.patch(
    PATH,
    tags=["users"],
    summary="Change what a user may do",
    operation_id="change_user",
    response_model=KnownUserAnswer,
    openapi_extra=described("last_admin", "second_factor_demanded", etag=True),
)
async def change_user(request: Request, user_id: UUID, body: AdminChange, caller: Admin) -> Response:
    """Give a role, disable or enable, take a lost second factor away. All groups know within five seconds; disabling
    and taking a factor away end every session. 409 `last_admin`: the shop's last admin can be neither demoted nor
    disabled. 403 `second_factor_required` ten minutes after the last code of an admin who has a second factor."""
    expected, client = expected_versions(request), client_of(request)
    given = body.given()
    user = database.transaction(
        lambda transaction: users.change_user(
            transaction, user_id, given, actor=caller, client=client, expected=expected
        )
    )
    users.spread_marks(database, user_id)
    return _answered(request, user)


def _answered(request: Request, user: users.KnownUser) -> Response:
    return entity(request, dump(user), version=user["version"])
