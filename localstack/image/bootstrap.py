"""Becomes /var/runtime/bootstrap in the stand-in image: the search path of a Lambda, then AWS's runtime client."""

import os
import sys
from typing import Any

RUNTIME = "/var/runtime"
TASK = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")


def lambda_path(version: str) -> list[str]:
    """The places that a Lambda imports from, first to last: the function, its layers, the runtime's own packages."""
    return [TASK, f"/opt/python/lib/python{version}/site-packages", "/opt/python", RUNTIME]


def main() -> None:
    """Serve the handler named by _HANDLER until the container ends."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    sys.path[:] = lambda_path(version) + [entry for entry in sys.path if entry not in ("", RUNTIME)]

    from awslambdaric import __main__ as client  # type: ignore[import-not-found]  # it is in the image alone
    from awslambdaric import bootstrap

    made_by_client = bootstrap.make_error

    # SAM CLI knows an unhandled exception by the exact keys of its payload; the client has since added
    # `requestId`, and with it SAM would answer the payload itself as a 200.
    def make_error(*arguments: Any, **named: Any) -> Any:
        error = made_by_client(*arguments, **named)
        error.pop("requestId", None)
        return error

    bootstrap.make_error = make_error
    handler = os.environ.get("_HANDLER") or os.environ["AWS_LAMBDA_FUNCTION_HANDLER"]
    client.main(["bootstrap", handler])


if __name__ == "__main__":
    main()
