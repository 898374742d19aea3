"""Which rows of a file are the same as another's: digests over their bytes and all that gives them their meaning."""

import hashlib

import orjson

from eatit.settings import settings
from store.import_records import Record
from store.import_rows import Plan

# To be counted up when the same row comes to mean something else, such as another sort key of its name.
RULES = 1
_SIZE = 16
_LONGEST = 64


class Digests:
    """The digests of a plan's rows, and by what their products are found."""

    def __init__(self, plan: Plan) -> None:
        form, configuration = plan.form, settings()
        meaning = [
            RULES, form.encoding, form.delimiter, form.header, plan.columns, plan.constants, sorted(plan.ignored),
            sorted(plan.rounded), configuration.currency, configuration.default_language,
        ]  # fmt: skip
        told = orjson.dumps(meaning, option=orjson.OPT_SORT_KEYS, default=str)
        self._key = hashlib.blake2b(told, digest_size=_SIZE).digest()
        self._places = {told: [place for place, name in plan.cells if name == told] for told in ("sku", "barcode")}
        self._names = {
            told: [name for name, fields in plan.columns.items() if told in fields] or [told]
            for told in ("sku", "barcode")
        }

    def of(self, record: Record) -> bytes:
        """What tells the record from every other."""
        return hashlib.blake2b(record.raw.rstrip(b"\r\n"), digest_size=_SIZE, key=self._key).digest()

    def code(self, record: Record, field: str) -> str | None:
        """The `sku` or `barcode` that the record says, as it stands there."""
        content = record.content
        if isinstance(content, list):
            for place in self._places[field]:
                if place < len(content):
                    return _code(content[place].strip())
        elif isinstance(content, dict):
            for name in self._names[field]:
                value = content.get(name)
                if isinstance(value, str):
                    return _code(value)
        return None


def _code(text: str) -> str | None:
    """The text, where it may be any product's."""
    return text if 0 < len(text) <= _LONGEST and text.isascii() and text.isprintable() else None
