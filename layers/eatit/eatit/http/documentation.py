"""The API's documentation pages: Swagger UI from a package, so that it works offline, and the OpenAPI document.

All addresses in the page are relative, so a stage prefix before the group changes nothing.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from eatit.errors import NotFound
from eatit.http.answers import JSON, dump

NOTES = "x-eatit"
_FILES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
# Swagger UI takes the address of /auth/token from the page's own; OpenAPI, and so the document, from the server's.
# `persistAuthorization` stays off: it would put the password itself into the browser's storage, beside the token.
_START = """const server = new URL("../", document.baseURI);
const signIn = () => ({
  statePlugins: { auth: { wrapActions: {
    authorizeRequest: (original) => (asked) => original({ ...asked, url: new URL(asked.url, server).href })
  } } }
});
window.ui = SwaggerUIBundle({
  url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: true, operationsSorter: "alpha",
  presets: [SwaggerUIBundle.presets.apis], plugins: [signIn], validatorUrl: null
});
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
    "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def described(
    *problems: str,
    etag: bool = False,
    localized: bool = False,
    idempotent: bool = False,
    basket_token: bool = False,
    if_match: bool | None = None,
) -> dict[str, Any]:
    """What the OpenAPI document says of a route beyond its shapes and the role it needs, as FastAPI's `openapi_extra`.

    `problems`: the codes that only this route answers. `etag`: its answer has one. `localized`: its answer follows
    `Accept-Language`. `idempotent`: it takes an `Idempotency-Key`. `basket_token`: it takes an `X-Basket-Token`, and
    may answer one. `if_match`: it takes `If-Match`; PATCH and DELETE do unless told otherwise.
    """
    notes: dict[str, Any] = {"problems": problems, "etag": etag, "localized": localized}
    notes.update(idempotent=idempotent, basket_token=basket_token)
    if if_match is not None:
        notes["if_match"] = if_match
    return {NOTES: notes}


def documentation_routes(app: FastAPI, group: str) -> list[BaseRoute]:
    """`/<group>/docs`, the files it needs, and `/<group>/openapi.json`."""
    kept: dict[str, bytes] = {}

    async def openapi(_request: Request) -> Response:
        if "openapi" not in kept:
            from eatit.http.openapi import openapi_document

            kept["openapi"] = dump(openapi_document(app))
        return Response(kept["openapi"], media_type=JSON, headers={"Cache-Control": "no-cache"})

    async def page(_request: Request) -> Response:
        headers = {"Content-Security-Policy": _POLICY}
        return Response(_PAGE.format(title=app.title), media_type="text/html", headers=headers)

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name == "start.js":
            return Response(_START, media_type="text/javascript", headers={"Cache-Control": "no-cache"})
        headers = {"Cache-Control": "public, max-age=86400"}
        if name not in _FILES:
            raise NotFound
        return Response((_static() / name).read_bytes(), media_type=_FILES[name], headers=headers)

    return [
        Route(f"/{group}/openapi.json", openapi, methods=["GET"]),
        Route(f"/{group}/docs", page, methods=["GET"]),
        Route(f"/{group}/docs/{{name}}", file, methods=["GET"]),
    ]


def _static() -> Path:
    # Only the package's files are wanted: importing it would patch FastAPI for nothing.
    found = find_spec("fastapi_offline")
    if found is None or not found.submodule_search_locations:
        raise NotFound
    return Path(found.submodule_search_locations[0]) / "static"
