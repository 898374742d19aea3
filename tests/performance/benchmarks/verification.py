"""What it costs a request that its access token is looked at: the signature, and the marks of ended sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from redis import Redis

from tests.performance.benchmarks.accounts import PASSWORD, addresses, answered, made_accounts, post
from tests.performance.benchmarks.figures import Figure, in_turn, logs_in_a_file
from tests.performance.requests_of import Shop, rest_event

ROUNDS, BATCH = 60, 20
CALLS = (ROUNDS + 1) * BATCH


def figures(stack: Mapping[str, Any], _shop: Shop) -> list[Figure]:
    """A whole request first, then its two parts by themselves."""
    from auth.keys import access_token
    from eatit.identifiers import uuid7
    from eatit.security import verify

    with logs_in_a_file():
        login = {"email": made_accounts(stack, 1)[0], "password": PASSWORD}
        session = answered(post("/auth/login", login, next(addresses())), 200)
        token, user = session["access_token"], UUID(session["user"]["id"])

        def fresh() -> Iterator[str]:
            return iter([access_token(user, "customer", uuid7()) for _ in range(CALLS)])

        found = _of_a_request(token, fresh)
        found += _of_signatures(token, fresh)
        found += _of_marks(verify(token), str(stack["redis_url"]))
    return found


def _of_a_request(token: str, fresh: Callable[[], Iterator[str]]) -> list[Figure]:
    from eatit.http import callers
    from eatit.security import verify

    caller = verify(token)

    def asking(tokens: Iterable[str]) -> Callable[[], None]:
        events = iter([rest_event("GET", "/auth/me", token=each) for each in tokens])
        return lambda: answered(next(events), 200)

    def unlooked() -> Callable[[], None]:
        ask = asking([token] * CALLS)
        looking = {name: vars(callers)[name] for name in ("verify", "check")}
        believing = {"verify": lambda _token: caller, "check": lambda _caller: None}

        def run() -> None:
            vars(callers).update(believing)
            try:
                ask()
            finally:
                vars(callers).update(looking)

        return run

    known = in_turn(asking([token] * CALLS), unlooked(), rounds=ROUNDS, batch=BATCH)
    never = in_turn(asking(fresh()), unlooked(), rounds=ROUNDS, batch=BATCH)
    peer = "the same, whatever the token"
    return [
        Figure("GET /auth/me, token known", peer, known),
        Figure("GET /auth/me, each time with a token never seen before", peer, never),
    ]


def _of_signatures(token: str, fresh: Callable[[], Iterator[str]]) -> list[Figure]:
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from eatit import security

    signed, _, signature = token.rpartition(".")
    key = security._key(security._kid_of(token))
    assert isinstance(key, Ed25519PublicKey)
    raw = base64.urlsafe_b64decode(signature + "==")

    def bare() -> None:
        key.verify(raw, signed.encode())

    tokens = fresh()
    never = in_turn(lambda: security.verify(next(tokens)), bare, rounds=ROUNDS, batch=BATCH)
    known = in_turn(lambda: security.verify(token), bare, rounds=ROUNDS, batch=BATCH)
    peer = "a bare Ed25519 verification"
    return [
        Figure("`security.verify`, token never seen before", peer, never),
        Figure("`security.verify`, token known", peer, known),
    ]


def _of_marks(caller: Any, redis_url: str) -> list[Figure]:
    from eatit import revocation

    names = (f"revoked:session:{caller.session_id}", f"revoked:user:{caller.user_id}")

    def asking() -> None:
        revocation.forget_looks()
        revocation.check(caller)

    with Redis.from_url(redis_url, single_connection_client=True) as client:
        asked = in_turn(asking, lambda: client.mget(*names), rounds=ROUNDS, batch=BATCH)
        kept = in_turn(lambda: revocation.check(caller), lambda: client.mget(*names), rounds=ROUNDS, batch=BATCH)
    peer = "redis-py MGET of two keys"
    return [
        Figure("`revocation.check`, every two seconds", peer, asked),
        Figure("`revocation.check`, between", peer, kept),
    ]
