"""GET /auth/.well-known/openid-configuration: where a client finds everything, in OpenID Connect's words."""

from starlette.requests import Request
from starlette.responses import Response

from auth.models import OpenIdConfiguration
from eatit.http.addresses import outer_url, outer_url_varies
from eatit.http.answers import dump, entity
from eatit.http.app import endpoint_router
from eatit.http.documentation import described
from eatit.security import ALGORITHM
from eatit.settings import settings

router = endpoint_router()


@router.get(
    "/auth/.well-known/openid-configuration",
    tags=["keys"],
    summary="Where everything is",
    operation_id="openid_configuration",
    response_model=OpenIdConfiguration,
    openapi_extra=described("not_found", etag=True),
)
async def openid_configuration(request: Request) -> Response:
    """OpenID Connect Discovery 1.0. Only what there is: no authorization endpoint, and access tokens alone."""
    auth = f"{outer_url(request)}/auth"
    body = {
        "issuer": settings().token_issuer,
        "jwks_uri": f"{auth}/.well-known/jwks.json",
        "token_endpoint": f"{auth}/token",
        "userinfo_endpoint": f"{auth}/me",
        "grant_types_supported": ["password", "refresh_token"],
        # Must be there and may not be empty: the kind of token that is given.
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": ["none"],
        "claims_supported": ["iss", "aud", "sub", "role", "sid", "iat", "exp"],
        "service_documentation": f"{auth}/docs",
    }
    varies = outer_url_varies()
    return entity(request, dump(body), version=1, headers={"Vary": varies} if varies else {}, varies=False)
