"""Bodies read strictly, before any rule sees them: exact decimals, no NaN, no duplicate keys, no broken text.

Python's own reader takes `NaN`, rounds `1.0000000000000000001` to a float, keeps the last of two equal keys and lets
lone surrogates through; each of these has become somebody's 500 or somebody's wrong price.
"""

import json
import re
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from eatit.errors import DomainError, Fault, Invalid
from eatit.http.direct import NOTHING, direct_app

MAX_BYTES = 1_048_576
MAX_DEPTH = 32


class ExponentDecimal(Decimal):
    """A number that was written with an exponent: exact, but not how a price or a quantity is written."""


class UnreadableText:
    """What stands in for a string with NUL or lone surrogates: no shape accepts it."""


UNREADABLE = UnreadableText()
_BROKEN = re.compile("[\0\ud800-\udfff]")


class UnreadableBody(DomainError):
    """The body isn't JSON as RFC 8259 has it."""

    code = "unreadable_json"


def read_json(body: bytes) -> Any:
    """The value of a JSON body: fractions as `Decimal`, integers as `int`, broken strings as `UNREADABLE`.

    Raises `UnreadableBody` for what isn't JSON: bad UTF-8, NaN, Infinity, duplicate keys, nesting beyond 32,
    integers of thousands of digits.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_float=_decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_pairs,
        )
    except (ValueError, RecursionError) as error:
        raise UnreadableBody from error
    return _readable(value, 0)


def _decimal(text: str) -> Decimal:
    return ExponentDecimal(text) if "e" in text or "E" in text else Decimal(text)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def is_readable(text: str) -> bool:
    """Whether a text has neither NUL nor lone surrogates, so that UTF-8 and Postgres can hold it."""
    return _BROKEN.search(text) is None


def _readable(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value if is_readable(value) else UNREADABLE
    if depth > MAX_DEPTH:
        raise UnreadableBody
    if isinstance(value, dict):
        return {_readable_key(key): _readable(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list):
        return [_readable(part, depth + 1) for part in value]
    return value


def _readable_key(key: str) -> str:
    """A broken key with its broken characters replaced: no shape has such a field, and its pointer can be told."""
    return key if is_readable(key) else key.encode("utf-8", "replace").decode().replace("\0", "?")


class StrictRequest(Request):
    """A request whose JSON is read by `read_json`."""

    async def json(self) -> Any:
        """The body's value; see `read_json`. FastAPI turns whatever is raised here into a 400, `unreadable_json`."""
        return read_json(await self.body())


class StrictRoute(APIRoute):
    """A route whose JSON body is read by `read_json`, whatever type it declares, unless it plainly isn't JSON."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.direct = direct_app(self, _body_of)
        if self.direct is not None:
            self.app = self.direct

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, over a `StrictRequest`."""
        handle = super().get_route_handler()
        reads_body = self.body_field is not None

        async def strict(request: Request) -> Response:
            if reads_body:
                _check_media_type(request)
            return await handle(StrictRequest(request.scope, request.receive))

        return strict


async def _body_of(request: Request) -> Any:
    _check_media_type(request)
    body = await request.body()
    return read_json(body) if body else NOTHING


def _check_media_type(request: Request) -> None:
    content_type = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise DomainError("unsupported_media_type")


_TYPES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "literal_error": "not_one_of",
    "enum": "not_one_of",
    "string_too_short": "wrong_length",
    "string_too_long": "wrong_length",
    "too_short": "wrong_length",
    "too_long": "wrong_length",
    "string_pattern_mismatch": "wrong_form",
    "uuid_parsing": "wrong_form",
    "value_error": "wrong_form",
    "assertion_error": "wrong_form",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
    "finite_number": "out_of_range",
}
# What stands there instead, in English and Russian.
_EXPECTED = {
    "string_type": ("a string", "строка"),
    "int_type": ("a whole number", "целое число"),
    "int_from_float": ("a whole number", "целое число"),
    "int_parsing": ("a whole number", "целое число"),
    "int_parsing_size": ("a smaller whole number", "целое число поменьше"),
    "float_type": ("a number", "число"),
    "bool_type": ("true or false", "true или false"),
    "bool_parsing": ("true or false", "true или false"),
    "list_type": ("a list", "список"),
    "dict_type": ("an object", "объект"),
    "model_type": ("an object", "объект"),
    "model_attributes_type": ("an object", "объект"),
    "uuid_type": ("an id (UUID)", "идентификатор (UUID)"),
    "uuid_parsing": ("an id (UUID)", "идентификатор (UUID)"),
}
# A body with no other faults than these has a code of its own.
_OWN_CODES = dict.fromkeys(("too_short", "too_long", "too_common", "made_of_email"), "weak_password")


def pointer_of(location: tuple[int | str, ...]) -> str:
    """A JSON pointer (RFC 6901) of a place in the body; a parameter's place is its name."""
    parts = location
    if location and location[0] == "body":
        parts = location[1:]
    elif location and location[0] in ("query", "path", "header"):
        parts = location[1:2]
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def invalid_request(error: RequestValidationError) -> DomainError:
    """The domain's error for what FastAPI found wrong with a body or a parameter."""
    faults: list[Fault] = []
    in_body = False
    for found in error.errors():
        if found["type"] == "json_invalid":
            return UnreadableBody()
        in_body = in_body or (bool(found["loc"]) and found["loc"][0] == "body")
        faults.append(fault_of(found))
    unique = {(fault.pointer, fault.code): fault for fault in faults}
    own = {_OWN_CODES.get(fault.code) for fault in unique.values()}
    code = own.pop() if len(own) == 1 else None
    return Invalid(list(unique.values()), code or ("invalid_body" if in_body else "invalid_parameter"))


def fault_of(found: dict[str, Any]) -> Fault:
    """What pydantic found wrong at one place, in the domain's words."""
    context = found.get("ctx") or {}
    pointer = pointer_of(tuple(part for part in found["loc"] if part != "[key]"))
    if found.get("input") is UNREADABLE:
        return Fault(pointer, "unreadable_text")
    if found["type"].startswith("eatit."):
        return Fault(pointer, found["type"].removeprefix("eatit."), context)
    code = _TYPES.get(found["type"], "wrong_type")
    return Fault(pointer, code, {"expected": _expected(found["type"], context)})


def _expected(kind: str, context: dict[str, Any]) -> str | tuple[str, str]:
    if "expected" in context:
        choice = str(context["expected"])
        return choice, choice.replace(" or ", " или ")
    limits = {"ge": "≥ ", "gt": "> ", "le": "≤ ", "lt": "< ", "min_length": "≥ ", "max_length": "≤ ", "pattern": ""}
    for name, sign in limits.items():
        if name in context:
            return f"{sign}{context[name]}"
    return _EXPECTED.get(kind, ("of another kind", "другого вида"))
