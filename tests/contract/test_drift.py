"""The committed OpenAPI documents are what the code says and what the running shop serves."""

import json
import subprocess
import sys
from typing import Any

import pytest

from localstack.openapi import ROOT, drifted
from tests.contract.callers import Callers
from tests.contract.documents import DOCUMENTS, GROUPS


def test_committed_documents_are_what_the_code_says() -> None:
    assert drifted() == [], "run `make openapi`, look at what changed, and commit it"


def test_the_command_line_says_which_drifted() -> None:
    command = [sys.executable, "-m", "localstack.openapi", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize("group", GROUPS)
def test_the_shop_serves_the_committed_document(group: str, callers: Callers) -> None:
    served = callers.send("GET", f"/{group}/openapi.json", {})
    assert served.status_code == 200
    assert served.headers["Content-Type"] == "application/json"
    assert served.json() == _committed(group)


@pytest.mark.parametrize("group", GROUPS)
def test_every_operation_is_told_plainly(group: str) -> None:
    told = {tag["name"] for tag in _committed(group)["tags"]}
    for operations in _committed(group)["paths"].values():
        for operation in operations.values():
            name = operation["operationId"]
            assert operation["summary"].replace(" ", "_").lower() != name, f"{name}: the summary is its name again"
            assert operation["description"], name
            assert set(operation["tags"]) <= told, name
            assert all(answer["description"] for answer in operation["responses"].values()), name


def _committed(group: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DOCUMENTS / f"{group}.json").read_text())
    return document
