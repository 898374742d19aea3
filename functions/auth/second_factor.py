"""The life of a second factor: begun, confirmed with a first code, given again for what matters, taken away.

Whoever changes it must have given the password lately, and the factor too where there is one; after a change the
account's other sessions are over, as after a change of password (OWASP ASVS 5.0, 7.4.3), and its owner gets a mail.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict, TypeVar
from uuid import UUID

from sqlalchemy import bindparam, func, select, update

from auth import audit, recovery_codes, totp
from auth.accounts import USER_COLUMNS, user_of
from auth.clients import Client
from auth.limits import attempt
from auth.mail_requests import request_mail
from auth.policy import FRESH, second_factor_demanded
from auth.seal import opened, sealed
from auth.sessions import end_all, token_of
from auth.tables import recovery_codes as recovery_code_rows
from auth.tables import sessions, users
from eatit.database import Database, Transaction
from eatit.errors import Conflict, Forbidden, Unauthenticated, check_version
from eatit.revocation import mark_sessions
from eatit.security import Caller

TO_SCAN = timedelta(minutes=10)  # beyond FRESH, from a secret that is shown to its first code

T = TypeVar("T")

_standing = (
    select(
        *USER_COLUMNS,
        users.c.totp_pending,
        users.c.totp_enabled_at,
        sessions.c.authenticated_at,
        sessions.c.second_factor_at,
        func.clock_timestamp().label("now"),
    )
    .join(sessions, sessions.c.user_id == users.c.id)
    .where(
        users.c.id == bindparam("user"),
        ~users.c.disabled,
        sessions.c.id == bindparam("session"),
        sessions.c.revoked_at.is_(None),
    )
    .with_for_update(of=users, key_share=True)
)
_given = (
    select(users.c.totp_enabled_at, sessions.c.second_factor_at, func.clock_timestamp().label("now"))
    .outerjoin_from(users, sessions, sessions.c.id == bindparam("session"))
    .where(users.c.id == bindparam("user"), users.c.totp_enabled_at.is_not(None))
)
_left = (
    select(func.count())
    .where(recovery_code_rows.c.user_id == users.c.id, recovery_code_rows.c.used_at.is_(None))
    .scalar_subquery()
)
_state = select(users.c.totp_enabled_at, users.c.role, users.c.version, _left.label("left")).where(
    users.c.id == bindparam("user"), ~users.c.disabled
)
_user = update(users).where(users.c.id == bindparam("user"))
_begin = _user.values(totp_pending=bindparam("pending"))
_drop_pending = _user.values(totp_pending=None)
_changed = {"version": users.c.version + 1, "updated_at": func.now()}
_enable = _user.values(
    totp_secret=users.c.totp_pending,
    totp_pending=None,
    totp_enabled_at=func.now(),
    totp_last_step=bindparam("step"),
    **_changed,
)
_disable = _user.values(
    totp_secret=None, totp_pending=None, totp_enabled_at=None, totp_last_step=None, **_changed
).where(users.c.totp_enabled_at.is_not(None))
# Seen now as well: an access token may be made on the strength of it, and whoever ends the session looks for those.
_stamp = (
    update(sessions)
    .where(sessions.c.id == bindparam("session"))
    .values(second_factor_at=func.now(), last_seen_at=func.now())
)
_unstamp = update(sessions).where(sessions.c.user_id == bindparam("user")).values(second_factor_at=None)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator has to be told: the secret in base32, and all of it as a URI for a QR code."""

    secret: str
    uri: str
    digits: int = totp.DIGITS
    period: int = totp.PERIOD


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What its owner gets for the first code: recovery codes, shown this once, and an access token of full rights."""

    recovery_codes: list[str]
    access_token: str


class State(TypedDict):
    """How it stands with a user's second factor. `demanded`: their role must have one."""

    enabled: bool
    enabled_at: datetime | None
    recovery_codes_left: int
    demanded: bool
    version: int


def state(database: Database, caller: Caller) -> State:
    """How it stands with the caller's. Raises `Unauthenticated` for a caller who is no more."""
    row = database.read(_state, {"user": caller.user_id}).one_or_none()
    if row is None:
        raise Unauthenticated("invalid_token")
    return {
        "enabled": row.totp_enabled_at is not None,
        "enabled_at": row.totp_enabled_at,
        "recovery_codes_left": row.left,
        "demanded": second_factor_demanded(row.role),
        "version": row.version,
    }


def begin(transaction: Transaction, caller: Caller) -> Enrolment:
    """A new secret, which counts for nothing until it is confirmed; one begun before is dropped.

    Raises `Forbidden`: `recent_sign_in_required`, `second_factor_required` where there is a factor already.
    """
    standing = _standing_of(transaction, caller)
    _check_fresh(standing)
    secret = totp.new_secret()
    pending = sealed(secret.encode(), caller.user_id)
    transaction.execute(_begin, {"user": caller.user_id, "pending": pending})
    return Enrolment(secret, totp.uri_of(secret, standing.email or str(caller.user_id)))


def confirm(database: Database, caller: Caller, code: str, client: Client) -> Confirmed:
    """Enable what was begun, on its first code; the session counts as one with a second factor from now on.

    Raises `Conflict` (`totp_not_started`), `Unauthenticated` (`invalid_totp_code`), `TooManyTries`, and `Forbidden` as
    `begin` does, ten minutes later.
    """

    def work(transaction: Transaction) -> tuple[Confirmed, list[UUID]] | None:
        standing = _standing_of(transaction, caller)
        if standing.totp_pending is None:
            raise Conflict("totp_not_started")
        _check_fresh(standing, FRESH + TO_SCAN)
        secret = opened(standing.totp_pending, caller.user_id).decode()
        step = totp.step_of(secret, totp.plain(code), after=None)
        if step is None:
            _note_wrong(transaction, caller, client)
            return None
        transaction.execute(_enable, {"user": caller.user_id, "step": step})
        transaction.execute(_stamp, {"session": caller.session_id})
        ended = _told(transaction, caller, client, "totp_enabled", replaced=standing.totp_enabled_at is not None)
        access = token_of(user_of(standing), caller.session_id, second_factor=True)
        return Confirmed(recovery_codes.renew(transaction, caller.user_id), access), ended

    confirmed, ended = _tried(database, caller, client, work)
    mark_sessions(ended)
    return confirmed


def step_up(database: Database, caller: Caller, code: str, client: Client) -> None:
    """Take a code for this session, which then counts as fresh for ten minutes; a token that can only enrol becomes a
    full one at the next refresh.

    Raises `Conflict` (`totp_not_enabled`), `Unauthenticated` (`invalid_totp_code`), `TooManyTries`.
    """

    def work(transaction: Transaction) -> str | None:
        _check_enabled(_standing_of(transaction, caller))
        kind = totp.accept(transaction, caller.user_id, code)
        if kind is None:
            _note_wrong(transaction, caller, client)
            return None
        transaction.execute(_stamp, {"session": caller.session_id})
        action = "totp_verified" if kind == "totp" else "recovery_code_used"
        audit.record(transaction, action, client=client, user_id=caller.user_id, session_id=caller.session_id)
        return kind

    _tried(database, caller, client, work)


def renew_recovery_codes(transaction: Transaction, caller: Caller, client: Client) -> list[str]:
    """Ten new recovery codes; the old ones are void.

    Raises `Conflict` (`totp_not_enabled`), `Forbidden` (`second_factor_required`).
    """
    standing = _standing_of(transaction, caller)
    _check_enabled(standing)
    _check_factor(standing, FRESH)
    audit.record(
        transaction, "recovery_codes_renewed", client=client, user_id=caller.user_id, session_id=caller.session_id
    )
    request_mail(transaction, caller.user_id, "second_factor_changed")
    return recovery_codes.renew(transaction, caller.user_id)


def disable(transaction: Transaction, caller: Caller, client: Client, expected: list[int] | None) -> list[UUID]:
    """Take the factor away, and what was begun with it → the sessions that this ends, to be marked after the commit.

    Where there is none, nothing happens. Raises `Conflict` (`second_factor_demanded`) where the caller's role must have
    one, `Forbidden` (`second_factor_required`), `Stale`.
    """
    standing = _standing_of(transaction, caller)
    check_version(standing.version, expected)
    if standing.totp_enabled_at is None:
        transaction.execute(_drop_pending, {"user": caller.user_id})
        return []
    _check_factor(standing, FRESH)
    if second_factor_demanded(standing.role):
        raise Conflict("second_factor_demanded")
    remove(transaction, caller.user_id)
    return _told(transaction, caller, client, "totp_disabled")


def remove(transaction: Transaction, user_id: UUID) -> bool:
    """Take a user's factor away with its recovery codes, whoever asks; whether there was one. No session of theirs
    counts as one with a second factor any more, so that a policy that comes later finds none."""
    removed = transaction.execute(_disable, {"user": user_id}).rowcount == 1
    recovery_codes.void(transaction, user_id)
    transaction.execute(_unstamp, {"user": user_id})
    return removed


def check_given(transaction: Transaction, caller: Caller) -> None:
    """Raise `Forbidden` (`second_factor_required`) for a caller who has a factor and didn't give it within ten minutes:
    for what a stolen session must not do. Locks nothing."""
    row = transaction.execute(_given, {"user": caller.user_id, "session": caller.session_id}).one_or_none()
    if row is not None:
        _check_factor(row, FRESH)


def _standing_of(transaction: Transaction, caller: Caller) -> Any:
    """The caller's user and session, the user locked. Raises `Unauthenticated` where either is no more."""
    known = {"user": caller.user_id, "session": caller.session_id}
    row = transaction.execute(_standing, known).one_or_none()
    if row is None:
        raise Unauthenticated("invalid_token")
    return row


def _check_fresh(standing: Any, within: timedelta = FRESH) -> None:
    if standing.now - standing.authenticated_at > within:
        raise Forbidden("recent_sign_in_required")
    if standing.totp_enabled_at is not None:
        _check_factor(standing, within)


def _check_factor(standing: Any, within: timedelta) -> None:
    given_at: datetime | None = standing.second_factor_at
    if given_at is None or standing.now - given_at > within:
        raise Forbidden("second_factor_required")


def _check_enabled(standing: Any) -> None:
    if standing.totp_enabled_at is None:
        raise Conflict("totp_not_enabled")


def _told(transaction: Transaction, caller: Caller, client: Client, action: str, **details: Any) -> list[UUID]:
    """What every change of the factor brings: the audit, a mail, and the end of the other sessions."""
    known = {"user_id": caller.user_id, "session_id": caller.session_id}
    audit.record(transaction, action, client=client, **known, **details)
    request_mail(transaction, caller.user_id, "second_factor_changed")
    return end_all(transaction, caller.user_id, action, but=caller.session_id)


def _note_wrong(transaction: Transaction, caller: Caller, client: Client) -> None:
    """Record a wrong code; this must be committed, so nothing is raised here."""
    known = {"user_id": caller.user_id, "session_id": caller.session_id}
    audit.record(transaction, "second_factor_failed", client=client, **known)


def _tried(database: Database, caller: Caller, client: Client, work: Callable[[Transaction], T | None]) -> T:
    """What `work` gives; its `None` is a wrong code, and is counted: in a bucket of this session's own, so that a thief
    of another one can't keep the owner from using theirs."""
    tried = attempt(f"totp:{caller.user_id}", client=client, trusted=f"session:{caller.session_id}")
    try:
        found = database.transaction(work)
    except BaseException:
        tried.released()
        raise
    if found is None:
        tried.failed()
        raise Unauthenticated("invalid_totp_code")
    tried.succeeded()
    return found
