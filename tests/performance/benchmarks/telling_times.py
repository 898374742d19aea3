"""What time tells of an address: the same requests for one that has an account and one that has none, in turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.performance.benchmarks.accounts import PASSWORD, addresses, answered, made_accounts, post, unknown_emails
from tests.performance.benchmarks.figures import Figure, in_turn, logs_in_a_file
from tests.performance.requests_of import Shop

SAMPLES = 200
SAME = (0.8, 1.25)


def figures(stack: Mapping[str, Any], _shop: Shop) -> list[Figure]:
    """Every request is for another account and from another network: no limit is near, and none is turned off."""
    anywhere = addresses()

    def timed(path: str, more: Mapping[str, str], known: int, unknown: int) -> Any:
        def asking(emails: Iterable[str], status: int) -> Any:
            events = iter([post(path, {"email": email, **more}, next(anywhere)) for email in emails])
            return lambda: answered(next(events), status)

        having = made_accounts(stack, SAMPLES + 1)
        lacking = [email for email, _ in zip(unknown_emails(), having, strict=False)]
        return in_turn(asking(having, known), asking(lacking, unknown), rounds=SAMPLES, batch=1)

    with logs_in_a_file():
        wrong = timed("/auth/login", {"password": "wrong horse battery 42"}, 401, 401)
        forgot = timed("/auth/password/forgot", {}, 202, 202)
        taken = timed("/auth/register", {"password": PASSWORD}, 409, 201)
    return [
        Figure("POST /auth/login, wrong password", "unknown address", wrong, between=SAME),
        Figure("POST /auth/password/forgot, known address", "unknown address", forgot, between=SAME),
        Figure("POST /auth/register, address taken", "a new address", taken, between=SAME),
    ]
