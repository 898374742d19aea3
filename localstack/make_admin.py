"""Makes a registered account an admin, on the local stack or on a deployment: what `make admin` stands on.

`python -m localstack.make_admin anna@example.org [--environment staging]`
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from localstack.failures import StackFailure
from localstack.invocation import invoke
from localstack.template import ROOT

FUNCTION = "AdminFunction"
# What there is to say where there is no new admin; {where} is the deployment.
REFUSALS = {
    "no_account": "No account has the address {email} on {where}: register it there first, then run this again.",
    "disabled": "The account of {email} on {where} is disabled: an admin has to enable it first.",
    "not_an_address": "{email} is no e-mail address.",
}


def made_admin(email: str, *, environment: str | None = None, directory: Path = ROOT / ".run") -> str:
    """Make the account an admin → a sentence that says so; `environment` and `directory` as for `invocation.invoke`.

    Raises `StackFailure`, one plain sentence: there is no such account, it is disabled, or nothing could be called.
    """
    where = environment or "the local stack"
    answer = invoke(FUNCTION, {"email": email}, environment=environment, directory=directory)
    outcome = str(answer.get("outcome"))
    if outcome in REFUSALS:
        raise StackFailure(REFUSALS[outcome].format(email=email, where=where))
    return _told(email, where, outcome, answer)


def _told(email: str, where: str, outcome: str, answer: dict[str, Any]) -> str:
    whose = f"{email} (user {answer['user_id']}, registered {answer['created_at']})"
    said = f"{whose} is an admin on {where}" + (" already." if outcome == "already_admin" else " now.")
    if not answer["email_verified"]:
        said += "\nNobody has proved yet that the address is theirs: make sure that you know who registered it."
    return said


def main() -> int:
    """Say what came of it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m localstack.make_admin", description=__doc__)
    parser.add_argument("email", help="the address of a registered account")
    parser.add_argument("--environment", help="one of samconfig.toml's; without it, the local stack")
    parser.add_argument("--directory", type=Path, default=ROOT / ".run", help="the local stack's directory (.run)")
    given = parser.parse_args()
    if not given.email.strip():
        print("eatit: Say whose account: make admin EMAIL=anna@example.org.", file=sys.stderr)
        return 2
    try:
        print(made_admin(given.email.strip(), environment=given.environment, directory=given.directory))
    except StackFailure as failure:
        print(f"eatit: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
