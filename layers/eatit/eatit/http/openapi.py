"""The OpenAPI document of a group: FastAPI's own, and what only the kit knows: every status, header and role.

Loaded when the document is asked for, never at a cold start.
"""

import json
import re
from collections import defaultdict
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from eatit.errors import DomainError, Fault, Invalid
from eatit.http.answers import JSON
from eatit.http.callers import role_of, takes_enrolling
from eatit.http.documentation import NOTES
from eatit.http.problems import MEDIA_TYPE, PROBLEMS, problem_response
from eatit.http.shapes import ProblemAnswer
from eatit.security import Role

TEXT = {"type": "string"}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The request's id: the caller's where it is fit for a log line, else a new one.",
        "required": True,
        "schema": {**TEXT, "pattern": "^[A-Za-z0-9._:/+=@-]{1,128}$"},
    },
    "ETag": {
        "description": '`"<version>.<digest of the bytes answered>"`.',
        "required": True,
        "schema": {**TEXT, "pattern": r'^"[0-9]+\.[0-9a-f]{18}"$'},
    },
    "Location": {"description": "Where the new thing is.", "required": True, "schema": {**TEXT, "pattern": "^/"}},
    "Content-Language": {"description": "The language answered.", "schema": {**TEXT, "enum": ["ru", "en"]}},
    "Retry-After": {
        "description": "Seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "`Bearer`. AWS's REST gateway renames it to `x-amzn-Remapped-WWW-Authenticate`.",
        "schema": {**TEXT, "pattern": "^Bearer"},
    },
    "Idempotency-Replayed": {
        "description": "This is the first answer to the key again.",
        "schema": {**TEXT, "const": "true"},
    },
    "X-Basket-Token": {
        "description": "The secret of the guest's basket that this made. It is answered once; keep it.",
        "schema": {**TEXT, "minLength": 22},
    },
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Names the request in logs, events and problems; a new name is made for one that is unfit.",
        "schema": TEXT,
    },
    "Accept-Language": {"description": "`ru` or `en`; others are passed over.", "schema": TEXT, "example": "en"},
    "If-None-Match": {"description": "The ETag at hand: 304 where it is still the present one.", "schema": TEXT},
    "If-Match": {
        "description": "The ETag that was read; 412 when its version is no longer the present one. Without it the "
        "change is made whatever the version.",
        "schema": TEXT,
    },
    "Idempotency-Key": {
        "description": "Names this attempt for 24 hours: the same key with the same body gives the first answer again. "
        "Ignored where neither a user nor a basket token tells the caller.",
        "schema": {**TEXT, "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    },
}
SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access_token` of /auth/login.",
    },
    "oauth2": {
        "type": "oauth2",
        "description": "The same, fetched from /auth/token for an e-mail address (`username`) and a password.",
        # Resolved against the server's address, as OpenAPI says of all the API's URLs, so behind a stage as well.
        "flows": {"password": {"tokenUrl": "auth/token", "scopes": {}}},
    },
    "basketToken": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Basket-Token",
        "description": "The secret of a guest's basket; beside an access token it isn't read.",
    },
}
COMMON_PROBLEMS = ("too_many_requests", "internal_error", "unavailable")
KEY_PROBLEMS = {"invalid_header", "request_in_progress", "idempotency_key_reused"}
# What fills the words of the examples.
_SAMPLE: dict[str, Any] = {
    "role": "staff",
    "by": "products",
    "header": "Idempotency-Key",
    "expected": "1-200 visible ASCII characters",
}
_SAMPLE_FAULTS = {
    "invalid_body": Fault("/price/amount", "out_of_range", {"expected": "≥ 0"}),
    "invalid_parameter": Fault("/limit", "out_of_range", {"expected": "≤ 100"}),
    "invalid_quantity": Fault("/quantity", "not_a_multiple", {"step": "0.250"}),
    "weak_password": Fault("/password", "too_short", {"minimum": 8}),
}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI 3.1 document, the same for the same code."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        tags=app.openapi_tags,
        routes=app.routes,
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    # Relative to where the document lies, so that a stage before the group changes nothing.
    document["servers"] = [{"url": "../", "description": "Where this document came from"}]
    components = document["components"]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    problem = ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
    components["schemas"].update(problem.pop("$defs"), ProblemAnswer=problem)

    codes: set[str] = set()
    schemes: set[str] = set()
    for route in app.routes:
        if isinstance(route, APIRoute):
            for method in route.methods or ():
                operation = document["paths"][route.path_format][method.lower()]
                codes |= _tell(operation, route, method)
                schemes |= {name for choice in operation.get("security", ()) for name in choice}
                _name_answers(operation, components["schemas"])
    _link(document["paths"])
    components["securitySchemes"] = {name: SCHEMES[name] for name in sorted(schemes)}
    components["headers"] = HEADERS
    components["parameters"] = {name: {"name": name, "in": "header", **it} for name, it in PARAMETERS.items()}
    components["examples"] = {code: {"value": _example(code, next(iter(document["paths"])))} for code in sorted(codes)}
    return _renamed(_without_noise(document))


def _tell(operation: dict[str, Any], route: APIRoute, method: str) -> set[str]:
    """Say of one operation who may call it, with which headers, and all it may answer; gives the problems' codes."""
    notes = operation.pop(NOTES, {})
    codes = {*COMMON_PROBLEMS, *notes.get("problems", ()), *_read_problems(operation)}
    codes |= _tell_callers(operation, route, basket_token=notes.get("basket_token", False))
    headers, answered = ["Accept-Language", "X-Request-Id"], ["X-Request-Id"]
    cached = notes.get("etag") and method == "GET"
    versioned = notes.get("if_match", method in ("PATCH", "DELETE"))
    for applies, of_request, of_answer, problems in (
        (notes.get("basket_token"), [], ["X-Basket-Token"], {"basket_not_found"}),
        (notes.get("localized"), [], ["Content-Language"], set()),
        (notes.get("etag"), [], ["ETag"], set()),
        (cached, ["If-None-Match"], [], set()),
        (versioned, ["If-Match"], [], {"version_mismatch"}),
        (notes.get("idempotent"), ["Idempotency-Key"], ["Idempotency-Replayed"], KEY_PROBLEMS),
    ):
        if applies:
            headers += of_request
            answered += of_answer
            codes |= problems

    operation.setdefault("parameters", []).extend({"$ref": f"#/components/parameters/{name}"} for name in headers)
    answers = operation["responses"]
    answers.pop("422", None)
    if cached:
        answers["304"] = {"description": "It is what `If-None-Match` names."}
    for status, answer in answers.items():
        own = answered + {"201": ["Location"], "429": ["Retry-After"], "503": ["Retry-After"]}.get(status, [])
        answer["headers"] = _references("headers", own)
    operation["responses"] = dict(sorted({**_problem_answers(codes), **answers}.items()))
    return codes


def _read_problems(operation: dict[str, Any]) -> set[str]:
    """What can be wrong with what an operation reads."""
    codes: set[str] = set()
    if "requestBody" in operation:
        codes.add("body_too_large")
        # A form's other faults are told by its own route, in its own shape.
        if JSON in operation["requestBody"]["content"]:
            codes |= {"unreadable_json", "unsupported_media_type", "invalid_body"}
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
        codes.add("not_found" if parameter["in"] == "path" else "invalid_parameter")
        if parameter["name"] == "cursor":
            codes.add("invalid_cursor")
    return codes


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema: it may be absent, but there is no null in an address."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    return {**choices[0], **{name: part for name, part in schema.items() if name != "anyOf"}}


def _tell_callers(operation: dict[str, Any], route: APIRoute, *, basket_token: bool) -> set[str]:
    """Say who may call an operation; gives the codes of refusals."""
    reads_tokens, role = role_of(route)
    if not reads_tokens:
        return set()
    tokens: list[dict[str, list[str]]] = [{"bearer": []}, {"oauth2": []}]
    if basket_token:
        tokens.append({"basketToken": []})
    refusals = {"invalid_token"} if takes_enrolling(route) else {"invalid_token", "second_factor_required"}
    if role is None:
        operation["security"] = [{}, *tokens]
        return refusals
    operation["security"] = tokens
    refusals.add("authentication_required")
    if role is Role.customer:
        return refusals
    operation["description"] = f"{operation.get('description', '')}\n\nFor {role.name}.".strip()
    return refusals | {"forbidden"}


def _problem_answers(codes: set[str]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in sorted(codes):
        by_status[PROBLEMS[code].status].append(code)
    return {str(status): _problem_answer(status, those) for status, those in by_status.items()}


def _problem_answer(status: int, codes: list[str]) -> dict[str, Any]:
    headers = ["X-Request-Id", "Content-Language"]
    headers += {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
    listed = ", ".join(f"`{code}`" for code in codes)
    return {
        "description": f"{HTTPStatus(status).phrase}: {listed}",
        "headers": _references("headers", headers),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemAnswer"},
                "examples": _references("examples", codes),
            }
        },
    }


def _references(kind: str, names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/{kind}/{name}"} for name in names}


def _example(code: str, path: str) -> dict[str, Any]:
    fault = _SAMPLE_FAULTS.get(code)
    error = Invalid([fault], code) if fault else DomainError(code, extra=None, **_SAMPLE)
    response = problem_response(error, path=path, accept_language="en")
    value: dict[str, Any] = {**json.loads(bytes(response.body)), "trace_id": "01981f3e7c2a4b1d"}
    return value


def _name_answers(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Say what an answer is, by its shape's own words, where FastAPI says only that it succeeded."""
    for status, answer in operation["responses"].items():
        if answer["description"] != "Successful Response":
            continue
        reference = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
        words = schemas.get(reference.rpartition("/")[2], {}).get("description", "Done; there is no body.")
        answer["description"] = ("Made. " if status == "201" else "") + " ".join(words.split())


def _link(paths: dict[str, Any]) -> None:
    """Say of what makes a thing which operations take the thing's id: those one path part below."""
    for path, operations in paths.items():
        made = operations.get("post", {}).get("responses", {}).get("201")
        below = re.compile(re.escape(path) + r"/\{(\w+)\}")
        for other, named in paths.items():
            found = below.fullmatch(other)
            if made is not None and found:
                taken = {found[1]: "$response.body#/id"}
                links = {
                    each["operationId"]: {"operationId": each["operationId"], "parameters": taken}
                    for each in named.values()
                }
                made["links"] = links


def _without_noise(value: Any) -> Any:
    """Without titles that are only the fields' names again, and without saying that answers may gain fields: they may
    where nothing is said, and Swagger UI would show an example of one."""
    if isinstance(value, list):
        return [_without_noise(part) for part in value]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for key, part in value.items():
        if key in ("info", "value"):
            kept[key] = part
        elif key == "properties":
            kept[key] = {name: _without_noise(field) for name, field in part.items()}
        elif not (key == "title" and isinstance(part, str)) and not (key == "additionalProperties" and part is True):
            kept[key] = _without_noise(part)
    return kept


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    """With the shapes under the names that the API's readers know: `Product`, not `ProductAnswer`."""
    taken = set(document["components"]["schemas"])
    text = json.dumps(document, ensure_ascii=False)
    for name in sorted(taken):
        short = name.removesuffix("Answer")
        if short != name and short not in taken:
            text = re.sub(rf'("|/schemas/){name}"', rf'\g<1>{short}"', text)
    renamed: dict[str, Any] = json.loads(text)
    renamed["components"]["schemas"] = dict(sorted(renamed["components"]["schemas"].items()))
    return renamed
