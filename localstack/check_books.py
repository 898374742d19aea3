"""Looks whether the books balance, on the local stack or on a deployment: what `make check-books` stands on.

`python -m localstack.check_books [--grace 30] [--environment staging]`
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from localstack.failures import StackFailure
from localstack.invocation import CallFailed, invoke
from localstack.template import ROOT

FUNCTION = "CheckBooksFunction"


def told(answer: dict[str, Any], where: str) -> str:
    """What CheckBooksFunction answered, to be read: a line for each check, what is broken with examples below it."""
    lines = []
    for check in answer["checks"]:
        looked_at, broken = check["looked_at"], check["broken"]
        mark = "WRONG" if broken else "ok"
        lines.append(f"  {mark:<6} {check['name']:<22} {looked_at:>9,}  {check['holds']}")
        if broken:
            perhaps = ", which may settle by itself" if check["settles"] else ""
            lines.append(f"         {broken:,} of {looked_at:,} {'is' if broken == 1 else 'are'} wrong{perhaps}:")
        for example in check["examples"]:
            known = (f"{name}={value}" for name, value in example.items() if value is not None)
            lines.append(f"         {' '.join(known)}")
        if broken > len(check["examples"]):
            lines.append(f"         and {broken - len(check['examples']):,} more")
    wrong = [check["name"] for check in answer["checks"] if check["broken"]]
    said = f"do NOT balance: {', '.join(wrong)}" if wrong else "balance"
    grace = f"{answer['grace_seconds']:g} s of grace"
    return "\n".join([*lines, f"The books of {where} {said} ({answer['at']}, {grace})."])


def main() -> int:
    """Print what was found; the exit status: 0 where the books balance, 1 where they don't, 2 where nobody can tell."""
    parser = argparse.ArgumentParser(prog="python -m localstack.check_books", description=main.__doc__)
    parser.add_argument("--grace", type=float, help="seconds that an event may be on its way (120)")
    parser.add_argument("--environment", help="one of samconfig.toml's; without it, the local stack")
    parser.add_argument("--directory", type=Path, default=ROOT / ".run", help="the local stack's directory (.run)")
    given = parser.parse_args()
    event = {} if given.grace is None else {"grace_seconds": given.grace}
    try:
        answer = invoke(FUNCTION, event, environment=given.environment, directory=given.directory)
    except StackFailure as failure:
        if isinstance(failure, CallFailed) and failure.trace:
            print(failure.trace, file=sys.stderr)
        print(f"eatit: {failure}", file=sys.stderr)
        return 2
    print(told(answer, given.environment or "the local stack"))
    return 0 if answer["balanced"] else 1


if __name__ == "__main__":
    sys.exit(main())
