"""What a record of a file says of a product: its columns turned into ours by the mapping, and checked by the rules of
the API itself."""

import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from eatit.errors import Fault
from eatit.http.bodies import UNREADABLE, fault_of, is_readable
from eatit.money import THOUSANDTH, decimal_text
from eatit.settings import settings
from store.catalogue import NUTRIENTS
from store.formulas import bare
from store.import_records import Form, Record
from store.models import ProductChange, ProductCreate

LANGUAGES = ("ru", "en")
WORDS = ("name", "description", "composition", "storage_conditions")
NUTRITION = tuple(f"nutrition_{name}" for name in NUTRIENTS)
TRANSLATED = {f"{word}_{language}": (language, word) for language in LANGUAGES for word in WORDS}
PLAIN = (
    "sku", "barcode", *WORDS, "pack_size", "quantity_step", "min_quantity", "max_quantity", "low_stock_at", "sold_by",
    "status",
)  # fmt: skip
FIELDS = (*PLAIN, *TRANSLATED, "category", "unit", "price", "currency", "allergens", *NUTRITION)
# As the API itself names them, and as anybody would.
ALIASES = {"category_id": "category", "unit_id": "unit", **dict(zip(NUTRIENTS, NUTRITION, strict=True))}
# What an empty cell takes away; of any other field it says nothing.
NULLABLE = {"barcode", "description", "composition", "storage_conditions", "max_quantity", "low_stock_at"}
OBJECTS = ("nutrition", "translations")  # whole, in JSON Lines
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_SHORT_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?")
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,30})?([eE]-[0-9]{1,2})?")
_SEPARATORS = re.compile(r"[\s,;|]+")
_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a row of the file, in the column of this name; of no column where it is the row as a whole."""

    row: int
    column: str | None
    code: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A sound row. `given`: the product's fields as the API's rules have them, but for `category` and `unit`, which
    are the file's own words for them (slug or id, code or id)."""

    number: int
    given: dict[str, Any]
    category: str | None
    unit: str | None


@dataclass(slots=True)
class Plan:
    """Which column of the file is which field. Made by `plan_of`."""

    form: Form
    columns: dict[str, tuple[str, ...]]  # by the file's name for it
    constants: dict[str, Any]
    ignored: frozenset[str] = frozenset()
    rounded: frozenset[str] = frozenset()
    cells: list[tuple[int, str]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place, name in enumerate(self.form.header):
            self.cells.extend((place, told) for told in self.columns.get(name, ()))
        for name, fields in self.columns.items():
            for told in fields:
                self.names.setdefault(told, name)


def plan_of(form: Form, mapping: dict[str, Any]) -> "Plan | list[RowError]":
    """The plan for a file of this form under this mapping, or what is wrong with its header."""
    columns: dict[str, tuple[str, ...]] = {}
    ignored = set()
    for name, target in (mapping.get("columns") or {}).items():
        if target is None:
            ignored.add(name)
        else:
            columns[name] = tuple([target] if isinstance(target, str) else target)
    constants = {ALIASES.get(name, name): value for name, value in (mapping.get("constants") or {}).items()}
    wrong: list[RowError] = []
    seen: dict[str, str] = {}
    for name in form.header:
        if name in ignored or (not name and name not in columns):
            continue
        known = ALIASES.get(name, name)
        if name not in columns and known in FIELDS:
            columns[name] = (known,)
        if name not in columns:
            wrong.append(RowError(1, name[:200], "unknown_column", {}))
        for told in columns.get(name, ()):
            if told in seen:
                wrong.append(RowError(1, name[:200], "repeated_column", {"field": told}))
            seen[told] = name
    columns = {name: tuple(ALIASES.get(told, told) for told in fields) for name, fields in columns.items()}
    if form.header:
        wrong.extend(RowError(1, name[:200], "missing_column", {}) for name in columns if name not in form.header)
    return wrong[:100] or Plan(form, columns, constants, frozenset(ignored), frozenset(mapping.get("rounded") or ()))


def read_row(plan: Plan, record: Record, number: int) -> "Row | list[RowError]":
    """The row, or all that is wrong with it."""
    content = record.content
    if isinstance(content, Fault):
        return [RowError(number, None, content.code, content.parameters)]
    if isinstance(content, dict):
        told: dict[str, Any] | list[RowError] = _told_by_object(plan, content, number)
    else:
        told = _told_by_cells(plan, content, number, whole=record.whole)
    if isinstance(told, list):
        return told
    faults: list[Fault] = []
    category, unit = told.pop("category", None), told.pop("unit", None)
    for name, value in (("category", category), ("unit", unit)):
        if value is not None and not isinstance(value, str):
            faults.append(Fault(f"/{name}", "unreadable_text" if value is UNREADABLE else "wrong_type", _A_TEXT))
    for name in plan.rounded:
        told[name] = _rounded(told.get(name))
    body = _body(told)
    try:
        given = _change().validate_python(body).given()
    except ValidationError as error:
        faults += [fault_of(dict(found)) for found in error.errors(include_url=False)]
    if faults:
        return [row_error(plan, number, fault) for fault in faults[:_MOST_FAULTS]]
    return Row(number, given, category, unit)


def row_error(plan: Plan, number: int, fault: Fault) -> RowError:
    """A fault of a product as an error of the row, in the column that said it."""
    parts = fault.pointer.split("/")[1:]
    name: str | None = parts[0] if parts else None
    if name == "nutrition" and len(parts) > 1:
        name = f"nutrition_{parts[1]}"
    elif name == "translations" and len(parts) > 2:
        name = f"{parts[2]}_{parts[1]}"
    name = ALIASES.get(name or "", name)
    return RowError(number, plan.names.get(name or "", name), fault.code, fault.parameters)


_A_TEXT = {"expected": ("a string", "строка")}


@lru_cache(maxsize=1)
def _change() -> TypeAdapter[ProductChange]:
    return TypeAdapter(ProductChange)


@lru_cache(maxsize=1)
def required_fields() -> tuple[str, ...]:
    """What a new product can't do without."""
    return tuple(name for name, told in ProductCreate.model_fields.items() if told.is_required())


def defaults() -> dict[str, Any]:
    """What a new product has where nothing is said."""
    told = ProductCreate.model_fields.items()
    return {name: part.get_default(call_default_factory=True) for name, part in told if not part.is_required()}


def _told_by_cells(plan: Plan, cells: list[str], number: int, *, whole: bool) -> dict[str, Any] | list[RowError]:
    header = plan.form.header
    if len(cells) != len(header):
        return [RowError(number, None, "wrong_cell_count", {"expected": len(header), "found": len(cells)})]
    if cells[0].strip() == header[0] and tuple(cell.strip() for cell in cells) == header:
        return [RowError(number, None, "repeated_header", {})]
    told: dict[str, Any] = dict(plan.constants)
    for place, name in plan.cells:
        cell: Any = bare(cells[place].strip())
        if not whole and not is_readable(cell):
            cell = UNREADABLE
        if cell:
            told[name] = cell
        elif name not in plan.constants:
            told[name] = None
    return told


def _told_by_object(plan: Plan, content: dict[str, Any], number: int) -> dict[str, Any] | list[RowError]:
    told: dict[str, Any] = dict(plan.constants)
    wrong = []
    for name, value in content.items():
        known = ALIASES.get(name, name)
        if name in plan.ignored:
            continue
        if name in plan.columns:
            told |= dict.fromkeys(plan.columns[name], value)
        elif known in FIELDS or known in OBJECTS:
            told[known] = value
        else:
            wrong.append(RowError(number, name[:200], "unknown_column", {}))
    return wrong[:_MOST_FAULTS] or told


def _body(told: dict[str, Any]) -> dict[str, Any]:
    """The API's body: what a file says in flat columns put together, and what is empty left out or taken away."""
    body: dict[str, Any] = {}
    nutrition: dict[str, Any] = {}
    translations: dict[str, dict[str, Any]] = {}
    says_nutrition = False
    for name, value in told.items():
        if name in _NUTRIENT:
            says_nutrition = True
            if value is not None:
                nutrition[_NUTRIENT[name]] = value
        elif name in TRANSLATED:
            language, word = TRANSLATED[name]
            translations.setdefault(language, {})[word] = value
        elif name == "price":
            if value is not None:
                body["price"] = value if isinstance(value, dict) else _money(value, told.get("currency"))
        elif name == "allergens":
            body["allergens"] = _listed(value)
        elif name != "currency" and (value is not None or name in NULLABLE or name == "nutrition"):
            body[name] = value
    if says_nutrition:
        body["nutrition"] = nutrition or None
    if translations:
        body.setdefault("translations", {})
        if isinstance(body["translations"], dict):
            body["translations"] = {**body["translations"], **translations}
    return body


_NUTRIENT = dict(zip(NUTRITION, NUTRIENTS, strict=True))


def _rounded(value: Any) -> Any:
    """To three places, half up, what is a plain number with more of them; in a computed column `1e-05` is one too."""
    text = str(value) if isinstance(value, str | Decimal) else ""
    if _SHORT_NUMBER.fullmatch(text) or not _NUMBER.fullmatch(text):
        return value
    return decimal_text(Decimal(text).quantize(THOUSANDTH, ROUND_HALF_UP))


def _money(value: Any, currency: Any) -> dict[str, Any]:
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        value = int(value)
    return {"amount": value, "currency": currency or settings().currency}


def _listed(value: Any) -> Any:
    if value is None:
        return []
    return [part for part in _SEPARATORS.split(value) if part] if isinstance(value, str) else value
