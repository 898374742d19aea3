"""The books, as a test ends with them: all balances, at once or as soon as the shop's events have arrived."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from localstack import deploy
from localstack.check_books import FUNCTION, told

SETTLING_SECONDS = 60.0
PAUSE_SECONDS = 0.2
Asked = Callable[[dict[str, Any]], dict[str, Any]]


def by_lambda(stack: Mapping[str, Any]) -> Asked:
    """CheckBooksFunction of the running shop that `stack.json` tells of."""
    return lambda event: deploy.invoke(stack["lambda_endpoint_url"], stack["functions"][FUNCTION], event)


def in_process(event: dict[str, Any]) -> dict[str, Any]:
    """The function's own code, where this process has the functions' environment."""
    from operations.check_books import handler

    return handler(event, None)


def assert_books(
    stack: Mapping[str, Any] | None = None, *, grace_seconds: float = 0, within: float = SETTLING_SECONDS
) -> dict[str, Any]:
    """The books of a shop balance → what the function answered. `stack`: what `stack.json` says of it; `None`: the shop
    whose functions' environment this process has.

    What nobody mends afterwards (ledger, balances, orders, payments, versions told) has to hold with the first look.
    What is on its way (the outbox, copies that are older) has `within` seconds to arrive: by then nothing may have been
    on its way for longer than `grace_seconds`, nothing at all where that is 0, so that all writers must have ended.
    """
    asked = in_process if stack is None else by_lambda(stack)
    deadline = time.monotonic() + within
    while True:
        answer = asked({"grace_seconds": grace_seconds})
        wrong = [check for check in answer["checks"] if check["broken"]]
        if not wrong:
            return answer
        hopeless = time.monotonic() > deadline or not all(check["settles"] for check in wrong)
        assert not hopeless, told(answer, "this shop")
        time.sleep(PAUSE_SECONDS)
