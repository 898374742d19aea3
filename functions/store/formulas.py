"""Cells of a CSV that a spreadsheet would take for formulas: written with an apostrophe before them, read without it.

What suppliers and crowds write lands in products' names, and from there in whatever opens an export. The way is OWASP's
(CSV Injection), but for taking the apostrophe away again, so that an export put in again changes nothing.
https://owasp.org/www-community/attacks/CSV_Injection
"""

import re
from typing import TypeVar

T = TypeVar("T")

# The full-width ones too, which some spreadsheets take for the plain ones; apostrophes, so that each is read back.
_FORMULA = re.compile("'*[=+\\-@＝＋－＠]")


def guarded(cell: T) -> T | str:
    """A cell as it is written."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def bare(cell: str) -> str:
    """A cell as it was before it was written by `guarded`; any other as it is."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
