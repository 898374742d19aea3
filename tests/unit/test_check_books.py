"""`make check-books`: what was found is told so that it can be read, and by the exit status."""

import subprocess
import sys
from typing import Any

import pytest

from localstack import check_books
from localstack.failures import StackFailure
from localstack.template import ROOT


def check(name: str, looked_at: int = 0, examples: Any = (), *, broken: int = 0, settles: bool = False) -> Any:
    holds = f"what holds of {name}"
    found = {"looked_at": looked_at, "broken": broken, "examples": list(examples)}
    return {"name": name, "holds": holds, "settles": settles, **found}


def answer(*checks: Any) -> Any:
    balanced = not any(each["broken"] for each in checks)
    return {"balanced": balanced, "at": "2026-11-29T17:00:00Z", "grace_seconds": 120.0, "checks": list(checks)}


def test_what_is_wrong_stands_below_its_check() -> None:
    examples = [{"product_id": "p1", "on_hand": None, "moved": "2.000"}, {"product_id": "p2", "on_hand": "1.000"}]
    found = answer(
        check("ledger", 12345, examples, broken=1002), check("outbox", 1, [{"event_id": "e"}], broken=1, settles=True)
    )
    assert check_books.told(found, "staging").splitlines() == [
        "  WRONG  ledger                    12,345  what holds of ledger",
        "         1,002 of 12,345 are wrong:",
        "         product_id=p1 moved=2.000",
        "         product_id=p2 on_hand=1.000",
        "         and 1,000 more",
        "  WRONG  outbox                         1  what holds of outbox",
        "         1 of 1 is wrong, which may settle by itself:",
        "         event_id=e",
        "The books of staging do NOT balance: ledger, outbox (2026-11-29T17:00:00Z, 120 s of grace).",
    ]


@pytest.mark.parametrize(
    ("given", "event", "found", "status"),
    [
        ([], {}, answer(check("ledger", 3)), 0),
        (["--grace", "0.5"], {"grace_seconds": 0.5}, answer(check("ledger", 3, [{}], broken=1)), 1),
        (["--environment", "staging"], {}, answer(check("ledger")), 0),
        ([], {}, StackFailure("Nothing is running: start it with `make up`."), 2),
    ],
)
def test_the_exit_status_says_whether_they_balance(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: list[str],
    event: Any,
    found: Any,
    status: int,
) -> None:
    called: list[Any] = []

    def invoke(*arguments: Any, **where: Any) -> Any:
        called.append((*arguments, where["environment"]))
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(check_books, "invoke", invoke)
    monkeypatch.setattr(sys, "argv", ["check_books", *given])
    assert check_books.main() == status
    assert called == [("CheckBooksFunction", event, "staging" if "staging" in given else None)]
    said = capsys.readouterr()
    if status == 2:
        assert (said.out, said.err) == ("", f"eatit: {found}\n")
    else:
        assert said.out.splitlines()[-1].startswith(f"The books of {'staging' if 'staging' in given else 'the local'}")


def test_make_hands_on_what_it_is_given() -> None:
    command = ["make", "--no-print-directory", "--dry-run", "check-books", "GRACE=5", "ENVIRONMENT=prod"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.replace('"', "").splitlines()[-1].endswith("-m localstack.check_books --grace 5 --environment prod")
