"""Accounts: registering, finding, changing; an address stands for one account whatever its case."""

from datetime import datetime
from typing import Any, TypedDict, cast
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from auth.limits import check_tries, forget_tries, note_wrong_password
from auth.passwords import check_strength, hash_password, holds, needs_rehash
from auth.tables import users
from eatit.database import Database, Transaction
from eatit.errors import Conflict, Fault, Invalid, NotFound, Unauthenticated, check_version
from eatit.identifiers import uuid7


class User(TypedDict):
    """A user as the rules give it."""

    id: UUID
    email: str | None
    email_verified: bool
    display_name: str | None
    language: str
    role: str
    telegram_id: int | None
    version: int
    created_at: datetime
    updated_at: datetime


def user_of(row: Any) -> User:
    """The user in a row that has the columns of one."""
    return cast(User, {name: getattr(row, name) for name in User.__annotations__})


USER_COLUMNS = (
    users.c.id,
    users.c.email,
    users.c.email_verified,
    users.c.display_name,
    users.c.language,
    users.c.role,
    users.c.telegram_id,
    users.c.version,
    users.c.created_at,
    users.c.updated_at,
)
_by_id = select(*USER_COLUMNS).where(users.c.id == bindparam("id"), ~users.c.disabled)
_by_id_locked = _by_id.with_for_update()
_by_email = select(*USER_COLUMNS, users.c.password_hash, users.c.disabled).where(users.c.email == bindparam("email"))
_rehash = update(users).where(users.c.id == bindparam("user")).values(password_hash=bindparam("hash"))
_new_user = upsert(users).on_conflict_do_nothing().returning(*USER_COLUMNS)


def normalised_email(address: str) -> str:
    """The address as it is stored and compared: Unicode NFC, international domain names in one form, lower case.

    Raises `Invalid` where it isn't an address (RFC 5322 and 6531, as email-validator has them).
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise Invalid([Fault("/email", "wrong_form", {"expected": "name@example.org"})]) from error
    return found.normalized.casefold()


def prepared_account(email: str, password: str, display_name: str | None, language: str) -> dict[str, Any]:
    """The row of a new account: all that is slow is done here, outside any transaction.

    Raises `Invalid` for an address that isn't one, and `weak_password`.
    """
    address = normalised_email(email)
    check_strength(password, address)
    return {
        "id": uuid7(),
        "email": address,
        "password_hash": hash_password(password),
        "display_name": display_name,
        "language": language,
    }


def register(transaction: Transaction, account: dict[str, Any]) -> User:
    """Make the account. Raises `Conflict` (`email_taken`) when its address has one."""
    row = transaction.execute(_new_user, account).one_or_none()
    if row is None:
        raise Conflict("email_taken")
    return user_of(row)


def authenticated(database: Database, email: str, password: str) -> User:
    """The user whose address and password these are.

    Raises `Unauthenticated` (`invalid_credentials`) for an unknown address, a wrong password and a disabled account
    alike, and after the same time; `TooManyTries` when that happened too often to this address. A hash made with
    older parameters is made anew.
    """
    try:
        address = normalised_email(email)
    except Invalid:
        address = ""
    tried = address or email.casefold()
    check_tries(tried)
    row = database.read(_by_email, {"email": address}).one_or_none()
    password_hash = row.password_hash if row else None
    if not holds(password_hash, password) or row is None or row.disabled:
        note_wrong_password(tried)
        raise Unauthenticated("invalid_credentials")
    forget_tries(tried)
    if needs_rehash(row.password_hash):
        database.write(_rehash, {"user": row.id, "hash": hash_password(password)})
    return user_of(row)


def user_by_id(database: Database, user_id: UUID) -> User:
    """The user. Raises `NotFound` for one who is gone or disabled."""
    row = database.read(_by_id, {"id": user_id}).one_or_none()
    if row is None:
        raise NotFound
    return user_of(row)


def change_account(transaction: Transaction, user_id: UUID, given: dict[str, Any], expected: list[int] | None) -> User:
    """Change what one may change of oneself; what is so already counts no version up. Raises `NotFound`, `Stale`."""
    row = transaction.execute(_by_id_locked, {"id": user_id}).one_or_none()
    if row is None:
        raise NotFound
    check_version(row.version, expected)
    changes = {name: value for name, value in given.items() if row._mapping[name] != value}
    if not changes:
        return user_of(row)
    statement = (
        update(users)
        .where(users.c.id == user_id)
        .values(**changes, version=users.c.version + 1, updated_at=func.now())
        .returning(*USER_COLUMNS)
    )
    return user_of(transaction.execute(statement).one())
