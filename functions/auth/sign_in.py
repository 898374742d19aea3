"""Signing in, as one flow for every door: the limits, the password, the second factor, then the session.

Whatever is wrong with the pair is answered alike and after the same work, so that nobody learns who has an account.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Interval, bindparam, exists, func, insert, or_, select, text

from auth import accounts, audit, sessions, totp
from auth.accounts import USER_COLUMNS, User, user_of
from auth.clients import Client
from auth.devices import device_token, trusted_device
from auth.limits import Attempt, attempt, count_request, may_be_mailed
from auth.mail_requests import request_mail
from auth.passwords import holds, needs_rehash
from auth.tables import audit as audit_rows
from auth.tables import sessions as session_rows
from auth.tables import users
from eatit.database import Database, Transaction, driver_form
from eatit.errors import Conflict, Invalid, Unauthenticated

KNOWN_FOR = timedelta(days=30)

_lately = func.now() - bindparam("known_for", type_=Interval)
_lived_here = exists().where(
    session_rows.c.user_id == users.c.id,
    session_rows.c.address == bindparam("from"),
    session_rows.c.last_seen_at > _lately,
    or_(
        session_rows.c.ended_reason.is_(None),
        # Signed out by a thief, maybe, before the password was changed.
        (session_rows.c.ended_reason == bindparam("signed_out"))
        & (session_rows.c.revoked_at > func.coalesce(users.c.password_changed_at, text("'-infinity'"))),
    ),
)
# Or who proved by mail that the account is theirs would wait for whoever guesses at it. Both times
# are the transaction's.
_reset_here = exists().where(
    audit_rows.c.user_id == users.c.id,
    audit_rows.c.at == users.c.password_changed_at,
    audit_rows.c.at > _lately,
    audit_rows.c.action == bindparam("reset"),
    audit_rows.c.address == bindparam("from"),
)
_by_email = select(
    *USER_COLUMNS,
    users.c.password_hash,
    users.c.password_changed_at,
    users.c.disabled,
    or_(_lived_here, _reset_here).label("known_here"),
).where(users.c.email == bindparam("email"))
_failed = insert(audit_rows)


class Credentials(Protocol):
    """What a client shows: an address and a password, the code of a second factor where one is asked for, and what the
    device was given when it last signed in."""

    email: str
    password: str
    totp_code: str | None
    device_token: str | None


def register(
    database: Database, email: str, password: str, display_name: str | None, language: str, client: Client
) -> sessions.Session:
    """Make an account and sign it in; a mail to verify its address is asked for.

    Raises `Conflict` (`email_taken`): whose address it is gets a mail about it, after the same work. Raises `Invalid`
    (also `weak_password`), `TooManyTries`.
    """
    count_request("register", client)
    account = accounts.prepared_account(email, password, display_name, language)

    def work(transaction: Transaction) -> sessions.Session | None:
        user = accounts.add(transaction, account)
        if user is None:
            holder = accounts.id_of_email(transaction, account["email"])
            if may_be_mailed("already_registered", account["email"]):
                request_mail(transaction, holder or account["id"], "already_registered")
            return None
        request_mail(transaction, user["id"], "verify")
        return sessions.begin(transaction, user, client, action="registered")

    session = database.transaction(work)
    if session is None:
        raise Conflict("email_taken")
    return _with_device(session, None)


def sign_in(database: Database, given: Credentials, client: Client) -> sessions.Session:
    """Begin a session for whoever shows the right pair, and the code of their second factor where they have one.

    Raises `Unauthenticated`: `invalid_credentials` for an unknown address, a wrong password and a disabled account
    alike; `totp_required` where the pair is right and a code is missing; `invalid_totp_code`. Raises `TooManyTries`.
    A hash made with older parameters is made anew.
    """
    try:
        address = accounts.normalised_email(given.email)
    except Invalid:
        address = ""
    row = _row_of(database, address, client)
    tried = attempt(
        address or given.email.casefold(),
        client=client,
        trusted=_trusted(row, given, client),
        changed_at=row.password_changed_at if row else None,
    )
    if not holds(row.password_hash if row else None, given.password) or row is None or row.disabled:
        _refuse(database, "sign_in_failed", row.id if row else None, tried, client)
        raise Unauthenticated("invalid_credentials")
    user = user_of(row)
    if user["totp_enabled"] and not given.totp_code:
        tried.released()
        # The clearest sign of a stolen password, where it isn't its owner on the way to the code.
        database.write(_failed, audit.row_of("second_factor_missing", client, user["id"], None, None, {}))
        raise Unauthenticated("totp_required")
    try:
        session = _session(database, user, row, given, client)
    except Exception:
        tried.released()  # the pair was right: what went wrong is ours
        raise
    if session is None:
        _refuse(database, "second_factor_failed", user["id"], tried, client)
        raise Unauthenticated("invalid_totp_code")
    tried.succeeded()
    return _with_device(session, row.password_changed_at)


def _session(database: Database, user: User, row: Any, given: Credentials, client: Client) -> sessions.Session | None:
    """The session of a right pair; `None` for a wrong code of the second factor."""
    if user["totp_enabled"] or needs_rehash(row.password_hash):
        return database.transaction(lambda transaction: _begun(transaction, user, row, given, client))
    return sessions.begin_at_once(
        database, user, client, action="signed_in", password_changed_at=row.password_changed_at
    )


def _row_of(database: Database, address: str, client: Client) -> Any:
    """The account of an address, with its hash and whether it is known at the client's, or `None`."""
    given = {
        "email": address,
        "from": client.address,
        "known_for": KNOWN_FOR,
        "signed_out": "signed_out",
        "reset": "password_reset",
    }
    return next(iter(database.rows(_by_email_sql(), given)), None)


@lru_cache(maxsize=1)
def _by_email_sql() -> str:
    return driver_form(_by_email)


def _trusted(row: Any, given: Credentials, client: Client) -> str | None:
    """What makes the device a known one, if anything does."""
    if row is None:
        return None
    device = trusted_device(given.device_token, row.id, row.password_changed_at)
    return device or (f"address:{client.address}" if row.known_here else None)


def _begun(
    transaction: Transaction, user: User, row: Any, given: Credentials, client: Client
) -> sessions.Session | None:
    factor = None
    if user["totp_enabled"]:
        factor = totp.accept(transaction, user["id"], given.totp_code or "")
        if factor is None:
            return None
    if needs_rehash(row.password_hash):
        accounts.rehash(transaction, user["id"], row.password_hash, given.password)
    if factor == "recovery":
        audit.record(transaction, "recovery_code_used", client=client, user_id=user["id"])
    changed, second = row.password_changed_at, factor is not None
    return sessions.begin(
        transaction, user, client, action="signed_in", password_changed_at=changed, second_factor=second
    )


def _refuse(database: Database, action: str, user_id: UUID | None, tried: Attempt, client: Client) -> None:
    tried.failed()
    database.write(_failed, audit.row_of(action, client, user_id, None, None, {}))


def _with_device(session: sessions.Session, password_changed_at: datetime | None) -> sessions.Session:
    return replace(session, device_token=device_token(session.user["id"], password_changed_at))
