"""Forms (`application/x-www-form-urlencoded`) read strictly: whatever could be taken in two ways is refused."""

import re
from urllib.parse import parse_qsl

from starlette.requests import Request

from eatit.errors import DomainError, Fault, Invalid
from eatit.http.bodies import is_readable

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 100
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class UnreadableForm(DomainError):
    """The body isn't a form as the URL standard has it; `why` in English and Russian."""

    code = "unreadable_form"


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a request's form; see `read_form`. An absent `Content-Type` is taken for a form's.

    Raises `UnreadableForm` for another one.
    """
    content_type = request.headers.get("content-type", FORM).split(";")[0].strip().lower()
    if content_type != FORM:
        raise UnreadableForm(why=(f"Content-Type is not {FORM}", f"Content-Type — не {FORM}"))
    return read_form(await request.body())


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a form in UTF-8, the empty ones too.

    Raises `UnreadableForm` for bad UTF-8, NUL, a percent sign that begins no byte, and over a hundred fields; `Invalid`
    (`repeated`) for a field that stands twice.
    """
    if body.count(b"&") >= MAX_FIELDS:
        raise UnreadableForm(why=(f"it has over {MAX_FIELDS} fields", f"в ней больше {MAX_FIELDS} полей"))
    try:
        text = body.decode("utf-8")
        if _BROKEN_PERCENT.search(text):
            raise UnreadableForm(
                why=("a percent sign without two hexadecimal digits", "знак процента без двух шестнадцатеричных цифр")
            )
        pairs = parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="strict")
    except UnicodeError as error:
        raise UnreadableForm(why=("it is not UTF-8", "это не UTF-8")) from error
    if not all(is_readable(name) and is_readable(value) for name, value in pairs):
        raise UnreadableForm(why=("it has NUL in it", "в ней есть NUL"))
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        raise Invalid([Fault(f"/{name}", "repeated") for name in fields if names.count(name) > 1])
    return fields
