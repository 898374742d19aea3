"""Accounts: registering, finding, changing; an address stands for one account whatever its case."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypedDict, cast
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from auth.passwords import check_strength, hash_password, holds
from auth.tables import users
from eatit.database import Database, Transaction
from eatit.errors import Fault, Invalid, NotFound, Unauthenticated, check_version
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
    totp_enabled: bool
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
    users.c.totp_enabled_at.is_not(None).label("totp_enabled"),
    users.c.version,
    users.c.created_at,
    users.c.updated_at,
)
_by_id = select(*USER_COLUMNS).where(users.c.id == bindparam("id"), ~users.c.disabled)
_by_id_locked = _by_id.with_for_update()
_of_email = select(users.c.id).where(users.c.email == bindparam("email"), ~users.c.disabled)
_hash_of = select(users.c.email, users.c.password_hash, users.c.email_verified, users.c.role).where(
    users.c.id == bindparam("user"), ~users.c.disabled
)
_new_hash = update(users).where(users.c.id == bindparam("user"))
_rehash = _new_hash.where(users.c.password_hash == bindparam("old")).values(password_hash=bindparam("hash"))
_changed_password = {
    "password_hash": bindparam("hash"),
    "password_changed_at": func.now(),
    "version": users.c.version + 1,
    "updated_at": func.now(),
}
_change_password = (
    _new_hash.where(users.c.password_hash == bindparam("old")).values(_changed_password).returning(users.c.id)
)
# Whoever has the mail has the address.
_reset_password = _new_hash.values({**_changed_password, "email_verified": True})
_verify_email = (
    _new_hash.where(~users.c.email_verified)
    .values(email_verified=True, version=users.c.version + 1, updated_at=func.now())
    .returning(users.c.id)
)
_new_user = upsert(users).on_conflict_do_nothing().returning(*USER_COLUMNS)
_NO_ADDRESS = Fault("/email", "wrong_form", {"expected": "name@example.org"})
LONGEST_LOCAL_PART = 64  # RFC 5321, section 4.5.3.1.1


def normalised_email(address: str) -> str:
    """The address as it is stored and compared: Unicode NFC, international domain names in one form, lower case.

    Raises `Invalid` where it isn't an address (RFC 5322 and 6531, as email-validator has them), or is one that no mail
    server has to take.
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise Invalid([_NO_ADDRESS]) from error
    # Octets, as RFC 5321 counts; email-validator would count characters.
    if len(found.local_part.encode()) > LONGEST_LOCAL_PART:
        raise Invalid([_NO_ADDRESS])
    # Not casefold(), which makes strasse of straße: somebody else's address, who would get the mails to this one.
    return found.normalized.lower()


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


def add(transaction: Transaction, account: dict[str, Any]) -> User | None:
    """Make the account; `None` where its address has one already."""
    row = transaction.execute(_new_user, account).one_or_none()
    return None if row is None else user_of(row)


def id_of_email(transaction: Transaction, email: str) -> UUID | None:
    """Whose normalised address this is; nobody's who is disabled."""
    return transaction.execute(_of_email, {"email": email}).scalar_one_or_none()


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


def change_password(database: Database, user_id: UUID, current: str, new: str) -> Callable[[Transaction], None]:
    """Look at both passwords, which is slow, and give what changes them in a transaction.

    Raises `Unauthenticated` (`invalid_credentials`) where `current` isn't the present one, also when another change
    came first; `Invalid` (`weak_password`).
    """
    row = database.read(_hash_of, {"user": user_id}).one_or_none()
    if not holds(row.password_hash if row else None, current) or row is None:
        raise Unauthenticated("invalid_credentials")
    check_strength(new, row.email or "", pointer="/new_password")
    values = {"user": user_id, "old": row.password_hash, "hash": hash_password(new)}

    def change(transaction: Transaction) -> None:
        if transaction.execute(_change_password, values).one_or_none() is None:
            raise Unauthenticated("invalid_credentials")

    return change


def reset_password(transaction: Transaction, user_id: UUID, new: str) -> bool:
    """Give the user, who has shown that the address is theirs, another password; whether a customer shows that for the
    first time, so that whatever was done to the account before may be a stranger's. Raises `Invalid`
    (`weak_password`), `NotFound`."""
    row = transaction.execute(_hash_of, {"user": user_id}).one_or_none()
    if row is None:
        raise NotFound
    check_strength(new, row.email or "", pointer="/new_password")
    transaction.execute(_reset_password, {"user": user_id, "hash": hash_password(new)})
    return not row.email_verified and row.role == "customer"


def rehash(transaction: Transaction, user_id: UUID, old: str, password: str) -> None:
    """Keep the same password under today's parameters, unless it was changed meanwhile."""
    transaction.execute(_rehash, {"user": user_id, "old": old, "hash": hash_password(password)})


def verify_email(transaction: Transaction, user_id: UUID) -> bool:
    """The user's address is theirs; whether that is news."""
    return transaction.execute(_verify_email, {"user": user_id}).one_or_none() is not None
