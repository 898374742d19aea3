"""The committed OpenAPI documents: `python -m localstack.openapi [--check]` writes docs/openapi/*.json."""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENTS = ROOT / "docs" / "openapi"
GROUPS = ("auth", "store", "basket")


def document_text(group: str) -> str:
    """A group's document as it is committed: sorted, indented, ended by a newline."""
    for place in ("functions", "layers/eatit"):
        if str(ROOT / place) not in sys.path:
            sys.path.insert(0, str(ROOT / place))
    from eatit.http.openapi import openapi_document

    document = openapi_document(import_module(f"{group}.app").app)
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def drifted() -> list[Path]:
    """The committed documents that are not what the code says."""
    paths = {DOCUMENTS / f"{group}.json": group for group in GROUPS}
    return [path for path, group in paths.items() if not path.is_file() or path.read_text() != document_text(group)]


def main() -> int:
    """Write the documents, or with `--check` only say which differ; answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m localstack.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a document has drifted")
    given = parser.parse_args()
    changed = drifted()
    for path in changed:
        group = path.stem
        if given.check:
            print(f"{path.relative_to(ROOT)} is not what the code says: run `make openapi`", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(document_text(group))
            print(f"{path.relative_to(ROOT)} is written")
    return 1 if given.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
