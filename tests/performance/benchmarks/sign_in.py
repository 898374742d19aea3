"""POST /auth/login through its handler, against a bare verification of the same password by argon2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.performance.benchmarks.accounts import PASSWORD, addresses, answered, made_accounts, post
from tests.performance.benchmarks.figures import Figure, in_turn, logs_in_a_file
from tests.performance.requests_of import Shop

ROUNDS, ACCOUNTS = 200, 20
AIM = 1.2


def figures(stack: Mapping[str, Any], _shop: Shop) -> list[Figure]:
    """From an address where the account was signed in lately, and each time from one never seen."""
    from argon2 import PasswordHasher

    hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
    kept = hasher.hash(PASSWORD)
    emails = made_accounts(stack, ACCOUNTS)
    anywhere = addresses()
    home = next(anywhere)
    logins = [{"email": email, "password": PASSWORD} for email in emails]
    at_home = [post("/auth/login", login, home) for login in logins]
    abroad = [post("/auth/login", logins[number % ACCOUNTS], next(anywhere)) for number in range(ROUNDS + 1)]

    def verify() -> None:
        assert hasher.verify(kept, PASSWORD)

    with logs_in_a_file():
        for event in at_home:
            answered(event, 200)
        turns = iter(at_home * (ROUNDS // ACCOUNTS + 1))
        known = in_turn(lambda: answered(next(turns), 200), verify, rounds=ROUNDS, batch=1)
        strangers = iter(abroad)
        strange = in_turn(lambda: answered(next(strangers), 200), verify, rounds=ROUNDS, batch=1)
    peer = "argon2 verify, m=19456 t=2 p=1"
    return [
        Figure("POST /auth/login", peer, known, AIM),
        Figure("POST /auth/login, each time from an address never seen before", peer, strange, AIM),
    ]
