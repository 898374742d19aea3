"""Idempotency keys: the first 2xx answer of a POST is kept in the same transaction as its work, and given again."""

import hashlib
from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    Table,
    bindparam,
    func,
    insert,
    select,
    text,
)
from starlette.requests import Request
from starlette.responses import Response

from eatit.database import Database, Transaction
from eatit.errors import Conflict, DomainError

KEPT_HOURS = 24
_KEPT_HEADERS = ("content-type", "location", "etag", "content-language", "vary", "cache-control", "x-basket-token")

_lock = select(func.pg_try_advisory_xact_lock(bindparam("lock")))


class Idempotency:
    """The kept answers of one group."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database = database
        self._table = table
        fresh = table.c.created_at > func.now() - text(f"interval '{KEPT_HOURS} hours'")
        self._kept = select(table).where(table.c.scope == bindparam("scope"), fresh)
        self._forget = table.delete().where(table.c.scope == bindparam("scope"))
        self._keep = insert(table)

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
            if not transaction.execute(_lock, {"lock": lock}).scalar_one():
                raise Conflict("request_in_progress")
            kept = transaction.execute(self._kept, {"scope": digest}).one_or_none()
            if kept is not None:
                if bytes(kept.body_digest) != body_digest:
                    raise DomainError("idempotency_key_reused")
                return _replayed(kept)
            response = work(transaction)
            if 200 <= response.status_code < 300:
                transaction.execute(self._forget, {"scope": digest})
                transaction.execute(
                    self._keep,
                    {
                        "scope": digest,
                        "body_digest": body_digest,
                        "status": response.status_code,
                        "headers": {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
                        "body": bytes(response.body),
                    },
                )
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
