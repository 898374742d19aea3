"""Answers as bytes, with ETags and what depends on them: 304, If-Match, Vary, Cache-Control (RFC 9110, section 13)."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

JSON = "application/json"
_ETAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')


def dump(value: Any) -> bytes:
    """JSON bytes: times in UTC to the second, ids as strings."""
    option = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS
    try:
        return orjson.dumps(value, option=option)
    except orjson.JSONEncodeError:
        # A whole number beyond 64 bits, such as the total of an absurd basket: exact all the same, only slower.
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=lambda part: _plain(part, option))
        return text.encode()


def _plain(part: Any, option: int) -> Any:
    return orjson.loads(orjson.dumps(part, option=option))


def etag_of(version: int, body: bytes) -> str:
    """`"<version>.<digest of the bytes answered>"`."""
    return f'"{version}.{hashlib.blake2b(body, digest_size=9).hexdigest()}"'


def entity(
    request: Request,
    body: bytes,
    *,
    version: int,
    etag: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    varies: bool = True,
    language: str | None = None,
    media_type: str = JSON,
) -> Response:
    """One entity's answer with its ETag; 304 where `If-None-Match` has it already.

    `varies`: the bytes depend on the caller's language or role.
    """
    tag = etag or etag_of(version, body)
    answer = {"ETag": tag, "Cache-Control": "no-cache", **(headers or {})}
    if varies:
        answer["Vary"] = "Accept-Language, Authorization"
    if language:
        answer["Content-Language"] = language
    if status == 200 and request.method in ("GET", "HEAD") and _none_match(request, tag):
        return Response(None, 304, headers=answer)
    return Response(body, status, headers=answer, media_type=media_type)


def page(body: bytes, *, varies: bool = True, language: str | None = None, personal: bool = False) -> Response:
    """A list's answer; one that is `personal`, of people and what they did, is kept by no cache at all."""
    headers = {"Cache-Control": "no-store" if personal else "no-cache"}
    if varies:
        headers["Vary"] = "Accept-Language, Authorization"
    if language:
        headers["Content-Language"] = language
    return Response(body, 200, headers=headers, media_type=JSON)


def _tags(values: list[str]) -> list[str] | None:
    """The opaque tags of a header; `None` for `*`."""
    joined = ", ".join(values)
    if joined.strip() == "*":
        return None
    return [match.group(2) for match in _ETAG.finditer(joined)]


def _none_match(request: Request, tag: str) -> bool:
    values = request.headers.getlist("if-none-match")
    if not values:
        return False
    tags = _tags(values)
    return tags is None or tag.strip('"') in tags


def expected_versions(request: Request) -> list[int] | None:
    """The versions that `If-Match` accepts: the part of each tag before the dot. `None`: any (absent, or `*`).

    A header without a readable tag accepts none, so the change is refused as stale.
    """
    values = request.headers.getlist("if-match")
    if not values:
        return None
    tags = _tags(values)
    if tags is None:
        return None
    heads = [tag.partition(".")[0] for tag in tags]
    return [int(head) for head in heads if re.fullmatch(r"[0-9]{1,18}", head)]
