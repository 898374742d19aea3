"""Puts a file of goods into a shop through its API, and shows how it goes: what `make import` stands on.

`python -m localstack.import_goods goods.csv [--mapping columns.json] [--dry-run] [--url https://… --email …]`
"""

from __future__ import annotations

import argparse
import getpass
import http.client
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from localstack.demo.client import Client, Refused
from localstack.failures import StackFailure
from localstack.run_directory import content_of, why_not_up
from localstack.template import ROOT

TYPES = {".csv": "text/csv", ".txt": "text/csv", ".jsonl": "application/jsonl", ".ndjson": "application/jsonl"}
SHOWN = 10
POLL_SECONDS = 0.3
BLOCK = 256 * 1024
WIDTH = 30

# Shows how far something is, from 0 to 1, with some words beside it.
Show = Callable[[float, str], None]


def bar(part: float, words: str) -> str:
    """One line: `[######------]  50 %  words`."""
    full = round(max(0.0, min(part, 1.0)) * WIDTH)
    return f"[{'#' * full}{'-' * (WIDTH - full)}] {part * 100:3.0f} %  {words}"


def content_type_of(file: Path) -> str:
    """What a file of this name is. Raises `StackFailure`."""
    kind = TYPES.get(Path(file.name.removesuffix(".gz")).suffix.lower())
    if kind is None:
        raise StackFailure(f"{file.name} is neither .csv nor .jsonl (.gz may stand behind either).")
    return kind


def import_file(client: Client, file: Path, mapping: dict[str, Any], *, dry_run: bool, show: Show) -> dict[str, Any]:
    """Upload, start, and wait → the run as it ended. Raises `Refused`, `StackFailure`."""
    body = {"content_type": content_type_of(file), "size": file.stat().st_size, "dry_run": dry_run, "mapping": mapping}
    begun = client.post("/store/imports", body)
    upload(begun["upload"], file, show)
    run = client.post(f"/store/imports/{begun['id']}/complete", {})
    started = time.monotonic()
    while run["status"] in ("waiting", "running"):
        time.sleep(POLL_SECONDS)
        run = client.get(f"/store/imports/{begun['id']}")
        pace = run["rows"] / max(time.monotonic() - started, 0.001)
        show(run["progress"], f"{run['rows']:,} rows, {run['failed']:,} failed, {pace:,.0f} a second")
    return run


def upload(told: dict[str, Any], file: Path, show: Show) -> None:
    """Send the file to its presigned address. Raises `StackFailure`."""
    parts = urlsplit(told["url"])
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=60)
    size, sent = file.stat().st_size, 0
    try:
        connection.putrequest(told["method"], f"{parts.path}?{parts.query}")
        for name, value in told["headers"].items():
            connection.putheader(name, value)
        connection.endheaders()
        with file.open("rb") as opened:
            while block := opened.read(BLOCK):
                connection.send(block)
                sent += len(block)
                show(sent / size, f"{sent / 1e6:,.1f} MB uploaded")
        answer = connection.getresponse()
        said = answer.read(300).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise StackFailure(f"The upload broke off: {error}.") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise StackFailure(f"The upload was answered {answer.status}: {said}")


def summary(run: dict[str, Any]) -> list[str]:
    """What came of it, in lines."""
    kinds = ("created", "updated", "unchanged", "failed")
    counts = ", ".join(f"{run[kind]:,} {kind}" for kind in kinds)
    would = " (dry run: nothing was changed)" if run["dry_run"] else ""
    lines = [f"{run['rows']:,} rows: {counts}{would}"]
    if run["status"] == "failed":
        lines.append(f"It failed: {run['reason']}. {run['detail'] or ''}".rstrip())
    for error in run["errors"][:SHOWN]:
        place = f"row {error['row']}" + (f", {error['column']}" if error["column"] else "")
        lines.append(f"  {place}: {error['code']}: {error['detail']}")
    if run["errors_url"] and len(run["errors"]) > SHOWN:
        lines.append(f"  all of them: {run['errors_url']}")
    return lines


def _shower() -> Show:
    shown = sys.stderr.isatty()

    def show(part: float, words: str) -> None:
        if shown:
            print(f"\r\033[K{bar(part, words)}", end="", file=sys.stderr, flush=True)

    return show


def _login(given: argparse.Namespace) -> tuple[str, dict[str, str]]:
    """The shop's address, and who comes: by default the local stack's and its staff."""
    if given.url:
        email = given.email or os.environ.get("EATIT_EMAIL", "")
        if not email:
            raise StackFailure("Say who you are there: EMAIL=staff@example.org.")
        password = os.environ.get("EATIT_PASSWORD") or getpass.getpass(f"Password of {email}: ")
        return given.url, {"email": email, "password": password}
    directory = given.directory.resolve()
    content = content_of(directory)
    if content is None:
        raise StackFailure(f"{why_not_up(directory)}, or give URL= of a deployment.")
    return content["url"], content["users"]["staff"]


def _mapping(path: str | None) -> dict[str, Any]:
    if not path:
        return {}
    try:
        mapping = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StackFailure(f"The mapping {path} can't be read: {error}.") from error
    if not isinstance(mapping, dict):
        raise StackFailure(f"The mapping {path} is no JSON object.")
    return mapping


def main() -> int:
    """Say what came of it; the exit status is 1 when the import failed or was refused."""
    parser = argparse.ArgumentParser(prog="python -m localstack.import_goods", description=__doc__)
    parser.add_argument("file", help=".csv or .jsonl, plain or .gz")
    parser.add_argument("--mapping", help="a JSON file that says which column is which field (docs/imports.md)")
    parser.add_argument("--dry-run", action="store_true", help="change nothing, only say what would come of it")
    parser.add_argument("--directory", type=Path, default=ROOT / ".run", help="the local stack's directory (.run)")
    parser.add_argument("--url", help="a deployment's address, instead of the local stack; the password is asked for")
    parser.add_argument("--email", help="whose account there; EATIT_EMAIL and EATIT_PASSWORD do as well")
    given = parser.parse_args()
    try:
        if not given.file or not Path(given.file).is_file():
            raise StackFailure(f"There is no file {given.file or '(say FILE=goods.csv)'}.")
        mapping = _mapping(given.mapping)
        url, pair = _login(given)
        with Client(url) as client:
            client.log_in(**pair)
            run = import_file(client, Path(given.file), mapping, dry_run=given.dry_run, show=_shower())
    except (StackFailure, Refused) as failure:
        print(f"eatit: {failure}", file=sys.stderr)
        return 1
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print("\n".join(summary(run)))
    return 1 if run["status"] == "failed" else 0


if __name__ == "__main__":
    sys.exit(main())
