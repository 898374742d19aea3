"""Users as admins see them: found, given a role, disabled and enabled, helped when their second factor is lost.

A shop never loses its last admin: whoever changes a user holds the rows of all admins, in the order of their ids, so
that two admins who demote each other at the same moment do it one after the other, and the second is refused.

What changes takes effect for refresh tokens with the commit, and for access tokens by marks that are set after it. A
crash between the two leaves access tokens as they were for their 15 minutes; the same change again sets the marks.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, insert, literal_column, or_, select, update

from auth import audit, mail_tokens, second_factor
from auth.accounts import USER_COLUMNS, User, normalised_email
from auth.clients import Client
from auth.mail_requests import request_mail
from auth.policy import second_factor_demanded
from auth.sessions import end_all
from auth.tables import audit as entries
from auth.tables import sessions, users
from eatit.database import Database, Transaction
from eatit.errors import Conflict, NotFound, Unauthenticated, check_version
from eatit.paging import make_cursor, page_of, read_cursor
from eatit.revocation import MARKED_SECONDS, mark_sessions, mark_user
from eatit.security import Caller

SORT = "-id"
ROLE_ADMIN = "admin"


class KnownUser(User):
    """A user as admins see them. `last_seen_at`: when a session of theirs last signed in or was refreshed, if one of
    those that are still kept was."""

    disabled: bool
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of users is narrowed by; all of them together."""

    q: str | None = None
    role: str | None = None
    disabled: bool | None = None

    def as_given(self) -> dict[str, Any]:
        """For the cursor's digest."""
        return {name: getattr(self, name) for name in self.__slots__}


Outcome = Literal["made", "already_admin", "disabled", "no_account"]

# Looked up for the rows of a page alone, each by the index of a user's sessions: the nothing that is added keeps
# Postgres from the index of all that were seen lately, which has to be gone through for somebody without a session.
_last_seen = (
    select(func.max(sessions.c.last_seen_at + timedelta(0)))
    .where(sessions.c.user_id == users.c.id)
    .correlate(users)
    .scalar_subquery()
)
_known = select(*USER_COLUMNS, users.c.disabled, _last_seen.label("last_seen_at"))
_one = _known.where(users.c.id == bindparam("id"))
_id_of_email = select(users.c.id).where(users.c.email == bindparam("email"))
# The admins by a literal: a partial index is used for no parameter. Whoever merely refers to a user waits for nothing.
_held = (
    select(users.c.id, users.c.role, users.c.disabled, users.c.totp_enabled_at, users.c.version)
    .where(or_(users.c.role == literal_column(f"'{ROLE_ADMIN}'"), users.c.id == bindparam("id")))
    .order_by(users.c.id)
    .with_for_update(key_share=True)
)
_change = (
    update(users)
    .where(users.c.id == bindparam("user"))
    .values(
        role=bindparam("to_role"), disabled=bindparam("to_disabled"), version=users.c.version + 1, updated_at=func.now()
    )
)
_standing = select(users.c.role, users.c.disabled).where(users.c.id == bindparam("id"))
# Whose access tokens may still be about: sessions that ended lately, by this change or by one whose marks were lost.
_ended_lately = select(sessions.c.id).where(
    sessions.c.user_id == bindparam("id"), sessions.c.revoked_at > func.now() - timedelta(seconds=MARKED_SECONDS)
)


def list_users(
    database: Database, filters: Filters, limit: int, cursor: str | None
) -> tuple[list[KnownUser], str | None]:
    """A page of users, the newest first. Raises `DomainError` (`invalid_cursor`)."""
    statement = _known.where(*_conditions(filters))
    if cursor is not None:
        (after,) = read_cursor(cursor, SORT, filters.as_given(), [UUID])
        statement = statement.where(users.c.id < after)
    rows, more = page_of(database.read(statement.order_by(users.c.id.desc()).limit(limit + 1)).all(), limit)
    following = make_cursor(SORT, filters.as_given(), [rows[-1].id]) if more else None
    return [_known_user(row) for row in rows], following


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.q:
        columns = (users.c.email, users.c.display_name)
        found.append(or_(*(column.icontains(filters.q, autoescape=True) for column in columns)))
    if filters.role is not None:
        found.append(users.c.role == bindparam("role", filters.role, literal_execute=True))  # for the partial index
    if filters.disabled is not None:
        found.append(users.c.disabled if filters.disabled else ~users.c.disabled)
    return found


def known_user(database: Database, user_id: UUID) -> KnownUser:
    """The user, disabled or not. Raises `NotFound`."""
    row = database.read(_one, {"id": user_id}).one_or_none()
    if row is None:
        raise NotFound
    return _known_user(row)


def change_user(
    transaction: Transaction,
    user_id: UUID,
    given: dict[str, Any],
    *,
    actor: Caller,
    client: Client,
    expected: list[int] | None,
) -> KnownUser:
    """Give a role, disable or enable (`disabled`), take the second factor away (`totp_enabled`, which is false); what
    is so already changes nothing. Call `spread_marks` after the commit, even so.

    Raises `NotFound`, `Stale`, `Conflict` (`last_admin`; `second_factor_demanded` of one's own), `Unauthenticated` for
    an actor who is no admin any more, `Forbidden` (`second_factor_required`) for one whose own factor isn't fresh.
    """
    held = {row.id: row for row in transaction.execute(_held, {"id": user_id})}
    before = held.get(user_id)
    if before is None:
        raise NotFound
    check_version(before.version, expected)
    role, disabled = given.get("role", before.role), given.get("disabled", before.disabled)
    standing = {row.id for row in held.values() if row.role == ROLE_ADMIN and not row.disabled}
    if standing == {user_id} and (role != ROLE_ADMIN or disabled):
        raise Conflict("last_admin")
    if actor.user_id not in standing:
        raise Unauthenticated("invalid_token")
    second_factor.check_given(transaction, actor)

    def tell(action: str, **details: Any) -> None:
        audit.record(transaction, action, client=client, actor_id=actor.user_id, user_id=user_id, **details)

    if role != before.role:
        tell("role_changed", **{"from": before.role, "to": role})
    if disabled != before.disabled:
        tell("user_disabled" if disabled else "user_enabled")
    if (role, disabled) != (before.role, before.disabled):
        transaction.execute(_change, {"user": user_id, "to_role": role, "to_disabled": disabled})
    if disabled and not before.disabled:
        end_all(transaction, user_id, "disabled")
        mail_tokens.void_all(transaction, user_id)
    if given.get("totp_enabled") is False:
        if user_id == actor.user_id and second_factor_demanded(role):
            raise Conflict("second_factor_demanded")
        if second_factor.remove(transaction, user_id):
            end_all(transaction, user_id, "totp_disabled")
            tell("totp_disabled")
            request_mail(transaction, user_id, "second_factor_changed")
    return _known_user(transaction.execute(_one, {"id": user_id}).one())


def make_admin(transaction: Transaction, email: str, client: Client) -> tuple[Outcome, KnownUser | None]:
    """Make the account of this address an admin → what came of it, and whose account it is. Call `spread_marks` after
    the commit where there is one.

    Who asks isn't known here: the audit names no actor. Raises `Invalid` for what is no address.
    """
    found = transaction.execute(_id_of_email, {"email": normalised_email(email)}).scalar_one_or_none()
    if found is None:
        return "no_account", None
    held = {row.id: row for row in transaction.execute(_held, {"id": found})}
    outcome: Outcome = "disabled" if held[found].disabled else "already_admin"
    if outcome != "disabled" and held[found].role != ROLE_ADMIN:
        outcome = "made"
        transaction.execute(_change, {"user": found, "to_role": ROLE_ADMIN, "to_disabled": False})
        details = {"from": held[found].role}
        transaction.execute(insert(entries), audit.row_of("admin_made", client, found, None, None, details))
    return outcome, _known_user(transaction.execute(_one, {"id": found}).one())


def spread_marks(database: Database, user_id: UUID) -> None:
    """Tell every group what this user is now, by the marks of `eatit.revocation`.

    Of two changes at one moment the marks of the first may be set last; so whoever sets marks looks again afterwards.
    """
    mark_sessions([row.id for row in database.read(_ended_lately, {"id": user_id})])
    marked = None
    while (now := database.read(_standing, {"id": user_id}).one()) != marked:
        mark_user(user_id, None if now.disabled else now.role)
        marked = now


def _known_user(row: Any) -> KnownUser:
    names = (*User.__annotations__, "disabled", "last_seen_at")
    return cast(KnownUser, {name: getattr(row, name) for name in names})
