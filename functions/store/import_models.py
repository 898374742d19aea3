"""The shapes of imports and exports: what is sent and what is answered."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from eatit.http.shapes import Answer, Body, Text200, Text1000
from store.import_rows import ALIASES, FIELDS, NUTRITION
from store.imports import MAX_SIZE

ContentType = Literal["text/csv", "application/jsonl"]
FieldName = Annotated[str, Field(pattern=f"^({'|'.join([*FIELDS, *ALIASES])})$", examples=["sku"])]

NutritionName = Annotated[str, Field(pattern=f"^({'|'.join(NUTRITION)})$", examples=["nutrition_salt_g"])]


def _told_as_one(expected: tuple[str, str]) -> WrapValidator:
    """For what may be of several kinds: one fault that names them, not one of each kind."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise PydanticCustomError("eatit.wrong_type", "kinds", {"expected": expected}) from None

    return WrapValidator(validate)


Target = Annotated[
    FieldName | Annotated[list[FieldName], Field(min_length=1, max_length=10)] | None,
    _told_as_one(
        (
            "a field of products as an import names it, a list of up to ten, or null",
            "поле товара, как оно зовётся в импорте, список до десяти полей или null",
        )
    ),
]
Constant = Annotated[
    Text1000 | int | Annotated[list[Text200], Field(max_length=20)],
    _told_as_one(
        (
            "a text of up to 1,000 characters, a whole number or a list of up to twenty texts; decimals are texts",
            "текст до 1000 знаков, целое число или список до двадцати текстов; дробное число — текстом",
        )
    ),
]


# A key of another form is refused: a schema says so beside the pattern of those that aren't.
_NO_OTHERS: dict[str, Any] = {"additionalProperties": False}


class ImportMapping(Body):
    """How a file's columns become fields of products. A column that isn't named here must have a field's own name;
    one that is to be left out stands for null, one that says two things for both. `constants` hold for every row, and
    where a cell is empty; decimals are texts. Nutrients that are `rounded`
    lose what they have beyond three places. What isn't said of encoding and delimiter is found out."""

    columns: Annotated[dict[Text200, Target], Field(max_length=1000, json_schema_extra=_NO_OTHERS)] = {}
    constants: Annotated[dict[FieldName, Constant], Field(max_length=100, json_schema_extra=_NO_OTHERS)] = {}
    rounded: Annotated[list[NutritionName], Field(max_length=8)] = []
    encoding: Literal["utf-8", "windows-1251"] | None = None
    delimiter: Literal[",", ";", "\t"] | None = None


class ImportCreate(Body):
    """A file to come: its type, its size in bytes as it is sent (gzip too), and how to read it. `dry_run` changes
    nothing and tells what would become of it."""

    content_type: ContentType
    size: Annotated[int, Field(ge=0, le=MAX_SIZE, strict=True)]
    dry_run: bool = False
    mapping: ImportMapping = ImportMapping()


class UploadAnswer(Answer):
    """One request of this method to this address with exactly these headers, the file its body."""

    url: str
    method: Literal["PUT"]
    headers: dict[str, str]


class ImportBegun(Answer):
    """Where the file goes; then POST to `…/complete`."""

    id: UUID
    upload: UploadAnswer
    expires_at: datetime


class RowErrorAnswer(Answer):
    """What is wrong with a row: rows are records, the header being 1; `column` is the file's own name for it."""

    row: int
    column: str | None
    code: str
    detail: str


class ImportAnswer(Answer):
    """A run. `rows` have been read; each was `created`, `updated`, `unchanged` or `failed`. `progress` is the part of
    the file that was read, from 0 to 1. A failed run says why in `reason` (a code) and `detail`; what its counts say
    was done stays done."""

    id: UUID
    status: Literal["waiting", "running", "done", "failed"]
    reason: str | None
    detail: str | None
    content_type: ContentType
    size: int
    dry_run: bool
    rows: int
    created: int
    updated: int
    unchanged: int
    failed: int
    progress: float
    errors: Annotated[list[RowErrorAnswer], Field(description="The first thousand.")]
    errors_url: Annotated[str | None, Field(description="All of them as a CSV, once the run has ended; for an hour.")]
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class ExportBegun(Answer):
    """The run's id."""

    id: UUID


class ExportAnswer(Answer):
    """A run of an export. When it is done, `url` gives the CSV for an hour."""

    id: UUID
    status: Literal["running", "done", "failed"]
    reason: str | None
    rows: int
    url: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
