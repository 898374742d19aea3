"""One-use tokens that travel by mail: 256 random bits each, of which only the digest is stored.

A token holds once, for its kind, until it expires, and only while the user's address is the one that it was sent to.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, select, update

from auth.tables import mail_tokens, users
from eatit.database import Transaction
from eatit.errors import Unauthenticated

Kind = Literal["verify", "reset"]
LIFE: dict[Kind, timedelta] = {"verify": timedelta(hours=24), "reset": timedelta(hours=1)}

_new_token = insert(mail_tokens)
_of_event = (
    mail_tokens.c.user_id == bindparam("owner"),
    mail_tokens.c.kind == bindparam("token_kind"),
    mail_tokens.c.event_id == bindparam("event"),
)
_newest = select(mail_tokens.c.digest).where(*_of_event).order_by(mail_tokens.c.created_at.desc()).limit(1)
_forget_old = delete(mail_tokens).where(*_of_event, mail_tokens.c.digest.not_in(_newest))
# The user's row is locked before any token's, here as in the worker, so that two can't wait for each other.
_owner_locked = (
    select(users.c.id)
    .join(mail_tokens, mail_tokens.c.user_id == users.c.id)
    .where(mail_tokens.c.digest == bindparam("token_digest"), ~users.c.disabled)
    .with_for_update(of=users, key_share=True)
)
_use = (
    update(mail_tokens)
    .where(
        mail_tokens.c.digest == bindparam("token_digest"),
        mail_tokens.c.kind == bindparam("token_kind"),
        mail_tokens.c.used_at.is_(None),
        mail_tokens.c.expires_at > func.now(),
        mail_tokens.c.user_id == users.c.id,
        mail_tokens.c.email == users.c.email,
    )
    .values(used_at=func.now())
    .returning(mail_tokens.c.user_id)
)
_void_all = (
    update(mail_tokens)
    .where(mail_tokens.c.user_id == bindparam("owner"), mail_tokens.c.used_at.is_(None))
    .values(used_at=func.now())
)
_void = _void_all.where(mail_tokens.c.kind == bindparam("token_kind"))


def digest(token: str) -> bytes:
    """What is stored of a token: SHA-256, which for 256 random bits needs neither salt nor stretching."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def make(transaction: Transaction, *, user_id: UUID, kind: Kind, email: str, event_id: UUID) -> str:
    """A new token for `user_id`, to be sent to `email` and nowhere else; earlier ones stay as they are.

    But of one event, whose mail may be tried many times, only the token before this one stays: its mail may be there.
    """
    token = secrets.token_urlsafe(32)
    transaction.execute(_forget_old, {"owner": user_id, "token_kind": kind, "event": event_id})
    row: dict[str, Any] = {
        "digest": digest(token),
        "user_id": user_id,
        "kind": kind,
        "email": email,
        "event_id": event_id,
        "expires_at": func.now() + LIFE[kind],
    }
    transaction.execute(_new_token.values(**row))
    return token


def use_verification(transaction: Transaction, token: str) -> UUID:
    """Use a token that proves an address: the user whose present address it proves.

    Raises `Unauthenticated` (`invalid_verification_token`) for one that is unknown, used or expired, sent to an
    address that the user no longer has, or of a disabled user.
    """
    return _used(transaction, token, "verify", "invalid_verification_token")


def use_reset(transaction: Transaction, token: str) -> UUID:
    """Use a token that lets a new password be set: its user, whose row is locked from now on, and whose other open
    reset tokens are void.

    Raises `Unauthenticated` (`invalid_reset_token`), as `use_verification` does.
    """
    user_id = _used(transaction, token, "reset", "invalid_reset_token")
    void_resets(transaction, user_id)
    return user_id


def void_resets(transaction: Transaction, user_id: UUID) -> None:
    """Make all open reset tokens of a user void: to be called whenever the password changes."""
    transaction.execute(_void, {"owner": user_id, "token_kind": "reset"})


def void_all(transaction: Transaction, user_id: UUID) -> None:
    """Make all open tokens of a user void: of one who is disabled, none comes to life again with the account."""
    transaction.execute(_void_all, {"owner": user_id})


def _used(transaction: Transaction, token: str, kind: Kind, refusal: str) -> UUID:
    given = {"token_digest": digest(token)}
    if transaction.execute(_owner_locked, given).one_or_none() is None:
        raise Unauthenticated(refusal)
    row = transaction.execute(_use, {**given, "token_kind": kind}).one_or_none()
    if row is None:
        raise Unauthenticated(refusal)
    return UUID(str(row.user_id))
