"""GET /auth/.well-known/jwks.json: the public keys that access tokens are verified with."""

from starlette.requests import Request
from starlette.responses import Response

from auth.models import PublicKeys
from eatit.http.answers import dump, entity
from eatit.http.app import endpoint_router
from eatit.http.documentation import described
from eatit.secrets import secret

router = endpoint_router()


@router.get(
    "/auth/.well-known/jwks.json",
    tags=["keys"],
    summary="The public keys",
    operation_id="jwks",
    response_model=PublicKeys,
    openapi_extra=described(etag=True),
)
async def jwks(request: Request) -> Response:
    """The JSON Web Key Set (RFC 7517)."""
    body = dump({"keys": secret("auth/jwks").get("keys", [])})
    headers = {"Cache-Control": "public, max-age=300"}
    return entity(request, body, version=1, headers=headers, varies=False)
