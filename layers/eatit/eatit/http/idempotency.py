"""Idempotency keys: the first 2xx answer of a POST is kept in the same transaction as its work, and given again."""

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import Table
from starlette.requests import Request
from starlette.responses import Response

from eatit.database import Database, Transaction
from eatit.errors import Conflict, DomainError

KEPT_HOURS = 24
_KEPT_HEADERS = ("content-type", "location", "etag", "content-language", "vary", "cache-control", "x-basket-token")

# In the driver's own form (see `Database.rows`). The lock is a statement by itself: what is kept must be read later.
LOCK = "SELECT pg_try_advisory_xact_lock(%(lock)s::bigint) AS got"
KEPT = """
SELECT body_digest, status, headers, body FROM {table}
WHERE scope = %(scope)s::bytea AND created_at > now() - interval '{hours} hours'
"""
# One that is there already is too old.
KEEP = """
INSERT INTO {table} (scope, body_digest, status, headers, body)
VALUES (%(scope)s::bytea, %(body_digest)s::bytea, %(status)s::integer, %(headers)s::jsonb, %(body)s::bytea)
ON CONFLICT (scope) DO UPDATE SET body_digest = excluded.body_digest, status = excluded.status,
    headers = excluded.headers, body = excluded.body, created_at = excluded.created_at
"""


class Idempotency:
    """The kept answers of one group."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database = database
        self._kept = KEPT.format(table=table.fullname, hours=KEPT_HOURS)
        self._keep = KEEP.format(table=table.fullname)

    def post(
        self, request: Request, scope: str | None, work: Callable[[Transaction], Response], *, required: bool = False
    ) -> Response:
        """Answer a POST by `work`, in one transaction, once per key.

        `scope` tells callers apart (a user's id, a basket token's hash); with none the key is ignored.
        Raises `idempotency_key_required`, `invalid_header`, `request_in_progress`, `idempotency_key_reused`.
        """
        key = _key_of(request)
        if key is None and required:
            raise DomainError("idempotency_key_required")
        if key is None or scope is None:
            return self._database.transaction(work)
        body_digest = hashlib.sha256(request.scope["eatit.body"]).digest()
        named = "\n".join((scope, request.method, request.url.path, key))
        digest = hashlib.sha256(named.encode()).digest()

        def once(transaction: Transaction) -> Response:
            lock = int.from_bytes(digest[:8], signed=True)
            if not transaction.rows(LOCK, {"lock": lock})[0].got:
                raise Conflict("request_in_progress")
            kept = transaction.rows(self._kept, {"scope": digest})
            if kept:
                if bytes(kept[0].body_digest) != body_digest:
                    raise DomainError("idempotency_key_reused")
                return _replayed(kept[0])
            response = work(transaction)
            if 200 <= response.status_code < 300:
                headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
                answer = {"status": response.status_code, "body": bytes(response.body)}
                told = {"headers": orjson.dumps(headers).decode(), "scope": digest, "body_digest": body_digest}
                transaction.run(self._keep, {**answer, **told})
            return response

        return self._database.transaction(once)


def _key_of(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= 200 or not all("\x21" <= character <= "\x7e" for character in key):
        raise DomainError("invalid_header", header="Idempotency-Key", expected="1-200 visible ASCII characters")
    return key


def _replayed(kept: Any) -> Response:
    headers = {**kept.headers, "Idempotency-Replayed": "true"}
    return Response(bytes(kept.body), kept.status, headers=headers)
