"""How /store answers of imports and exports: runs, and what is wrong with rows in the caller's language."""

from collections.abc import Sequence
from typing import Any

from eatit.errors import Fault
from eatit.http.problems import describe_fault
from store import exports, imports
from store.database import files
from store.import_files import SECONDS, errors_key, export_key

# Why a run failed, in English and Russian.
REASONS: dict[str, tuple[str, str]] = {
    "size_mismatch": ("The file isn't of the size that was said.", "Файл не того размера, что был назван."),
    "upload_missing": ("The file is gone.", "Файла больше нет."),
    "empty_file": ("There is nothing in the file.", "В файле ничего нет."),
    "unsupported_encoding": ("Only UTF-8 and Windows-1251 are read.", "Читаются только UTF-8 и Windows-1251."),
    "unreadable_header": ("The header can't be read.", "Заголовок не читается."),
    "too_many_columns": ("There are over 1,000 columns.", "Столбцов больше 1000."),
    "bad_header": ("The header doesn't fit; see errors.", "Заголовок не подходит; смотрите errors."),
    "unreadable_gzip": ("The gzip is damaged or breaks off.", "gzip испорчен или обрывается."),
    "expands_too_much": ("Unpacked it is over 2 GiB.", "В распакованном виде больше 2 ГиБ."),
    "too_many_errors": ("Over a million errors: is it the right file?", "Больше миллиона ошибок: тот ли это файл?"),
    "internal_error": ("Something broke on our side.", "У нас что-то сломалось."),
}


def import_answer(row: imports.Run, errors: Sequence[Any], language: str) -> dict[str, Any]:
    """A run with the errors that are shown of it."""
    ended = row.status in ("done", "failed")
    read = 1.0 if row.status == "done" else min(row.bytes_read / row.size, 1.0) if row.size else 0.0
    told = ended and row.faults > 0
    reason = REASONS.get(row.reason or "")
    return {
        "id": row.id,
        "status": row.status,
        "reason": row.reason,
        "detail": reason and reason[1 if language == "ru" else 0],
        "content_type": row.content_type,
        "size": row.size,
        "dry_run": row.dry_run,
        "rows": row.rows,
        "created": row.created,
        "updated": row.updated,
        "unchanged": row.unchanged,
        "failed": row.failed,
        "progress": round(read, 3),
        "errors": [error_answer(error, language) for error in errors],
        "errors_url": files.download(errors_key(row.id), "errors.csv", seconds=SECONDS) if told else None,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "finished_at": row.finished_at,
    }


def error_answer(row: Any, language: str) -> dict[str, Any]:
    """An error of a row."""
    told = detail_of(row.code, row.parameters, language)
    return {"row": row.row, "column": row.column, "code": row.code, "detail": told}


def detail_of(code: str, parameters: dict[str, Any], language: str) -> str:
    """What an error says in a language; words in two languages were kept as a list."""
    told = {name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}
    return describe_fault(Fault("", code, told), language)["detail"]


def export_answer(row: exports.Run) -> dict[str, Any]:
    """A run of an export."""
    done = row.status == "done"
    return {
        "id": row.id,
        "status": row.status,
        "reason": row.reason,
        "rows": row.rows,
        "url": files.download(export_key(row.id), "products.csv", seconds=SECONDS) if done else None,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "finished_at": row.finished_at,
    }
