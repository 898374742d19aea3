"""What follows a deployment to AWS: the migration and the signing keys, by the functions just deployed.

`python -m localstack.after_deploy staging`, with your own credentials; `make deploy` calls it. It may run twice.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from localstack.failures import StackFailure
from localstack.invocation import CallFailed, on_deployment, stack_name

# In this order: the functions behind the gateway need both.
CALLS: tuple[tuple[str, dict[str, str]], ...] = (("MigrateFunction", {}), ("KeyRotationFunction", {"action": "ensure"}))


def call_all(name: str) -> dict[str, Any]:
    """Call the workers of a deployed stack → what each answered. Raises `StackFailure` when one fails."""
    return {logical_id: on_deployment(name, logical_id, event) for logical_id, event in CALLS}


def main() -> int:
    """Say what each worker answered."""
    try:
        answers = call_all(stack_name(sys.argv[1]))
    except StackFailure as failure:
        if isinstance(failure, CallFailed) and failure.trace:
            print(failure.trace, file=sys.stderr)
        print(f"eatit: {failure}", file=sys.stderr)
        return 1
    for logical_id, said in answers.items():
        print(f"{logical_id}: {json.dumps(said, ensure_ascii=False)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
