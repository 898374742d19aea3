"""Keyset paging: an opaque cursor that carries the sort, the filters' digest and the last row's keys."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from eatit.errors import DomainError


def digest_of(filters: dict[str, Any]) -> str:
    """A short digest of a list's filters, so that a cursor can't wander to another list."""
    return hashlib.blake2b(orjson.dumps(filters, option=orjson.OPT_SORT_KEYS, default=str), digest_size=6).hexdigest()


def make_cursor(sort: str, filters: dict[str, Any], keys: Sequence[Any]) -> str:
    """The cursor after the row with these keys."""
    value = orjson.dumps([sort, digest_of(filters), list(keys)], default=str)
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def read_cursor(cursor: str, sort: str, filters: dict[str, Any], kinds: Sequence[type]) -> list[Any]:
    """The keys in a cursor, each made by its kind (`int`, `str`, `UUID`, …).

    Raises `DomainError` (`invalid_cursor`) for what can't be read or belongs to another sort or filter.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found_sort, digest, keys = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if found_sort != sort or digest != digest_of(filters) or len(keys) != len(kinds):
            raise ValueError("of another list")
        values = [_made(kind, key) for kind, key in zip(kinds, keys, strict=True)]
    except (ValueError, TypeError, AttributeError, binascii.Error, OverflowError) as error:
        raise DomainError("invalid_cursor") from error
    return values


def _made(kind: type, key: Any) -> Any:
    if kind is int:
        if not isinstance(key, int) or isinstance(key, bool) or abs(key) >= 2**63:
            raise ValueError("not a whole number that a column holds")
        return key
    if not isinstance(key, str) or "\0" in key:
        raise ValueError("not a text")
    return kind(key) if kind is not str else key


def page_of(rows: Sequence[Any], limit: int) -> tuple[Sequence[Any], bool]:
    """Of `limit + 1` rows asked for: the page, and whether more follow."""
    return rows[:limit], len(rows) > limit
