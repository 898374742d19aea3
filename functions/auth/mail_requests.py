"""Mails are asked for by an event and written by a worker: nobody waits for a mail, and time tells nothing of it."""

from typing import Literal
from uuid import UUID

from eatit.database import Transaction
from eatit.events import MAIL_REQUESTED
from eatit.outbox import emit

MailKind = Literal[
    "verify", "reset", "password_changed", "already_registered", "second_factor_changed", "session_stolen"
]


def request_mail(transaction: Transaction, user_id: UUID, kind: MailKind) -> None:
    """Ask for a mail to this user, in this transaction. The event holds the user's id and the kind, nothing secret;
    an id that is no user's asks for nothing and takes as long."""
    emit(transaction, MAIL_REQUESTED, user_id, 1, {"user_id": str(user_id), "kind": kind})
