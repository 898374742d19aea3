"""Other passwords and verified addresses: by the present password, or by a token that came by mail."""

from uuid import UUID

from sqlalchemy import insert

from auth import accounts, audit, mail_tokens, second_factor
from auth.clients import Client
from auth.limits import attempt, count_request, may_be_mailed
from auth.mail_requests import request_mail
from auth.sessions import end_all
from auth.tables import audit as audit_rows
from eatit.database import Database, Transaction
from eatit.errors import Invalid, NotFound, Unauthenticated
from eatit.identifiers import uuid7
from eatit.revocation import mark_sessions
from eatit.security import Caller


def change_password(database: Database, caller: Caller, current: str, new: str, client: Client) -> None:
    """Change the caller's password and end their other sessions; open reset tokens are void, and a mail tells of it.

    Raises `Unauthenticated` (`invalid_credentials`) where `current` is wrong, `Invalid` (`weak_password`),
    `TooManyTries`.
    """
    tried = attempt(f"password:{caller.user_id}", client=client, trusted=str(caller.session_id))
    try:
        change = accounts.change_password(database, caller.user_id, current, new)
    except Unauthenticated:
        tried.failed()
        row = audit.row_of("password_change_failed", client, caller.user_id, caller.user_id, caller.session_id, {})
        database.write(insert(audit_rows), row)
        raise
    except Invalid:
        tried.released()
        raise

    def work(transaction: Transaction) -> list[UUID]:
        change(transaction)
        mail_tokens.void_resets(transaction, caller.user_id)
        ended = end_all(transaction, caller.user_id, "password_changed", but=caller.session_id)
        audit.record(
            transaction, "password_changed", client=client, user_id=caller.user_id, session_id=caller.session_id
        )
        request_mail(transaction, caller.user_id, "password_changed")
        return ended

    mark_sessions(database.transaction(work))
    tried.succeeded()


def forgot_password(database: Database, email: str, client: Client) -> None:
    """Ask for a mail with a reset token, whoever the address belongs to: for nobody's, the same rows are written, and
    the mail worker drops the event. Beyond a few mails an hour to one address nothing is done, and nothing is said.

    Raises `TooManyTries` for the client's own requests."""
    count_request("forgot", client)
    try:
        address = accounts.normalised_email(email)
    except Invalid:
        address = ""
    if not may_be_mailed("reset", address or email.casefold()):
        return

    def work(transaction: Transaction) -> None:
        user_id = accounts.id_of_email(transaction, address)
        request_mail(transaction, user_id or uuid7(), "reset")
        audit.record(transaction, "password_reset_requested", client=client, user_id=user_id)

    database.transaction(work)


def reset_password(database: Database, token: str, new: str, client: Client) -> None:
    """Set the password of whom the token was sent to, and end all of their sessions.

    Raises `Unauthenticated` (`invalid_reset_token`), `Invalid` (`weak_password`), which leaves the token as it was.
    """
    count_request("reset", client)

    def work(transaction: Transaction) -> list[UUID]:
        user_id = mail_tokens.use_reset(transaction, token)
        if accounts.reset_password(transaction, user_id, new) and second_factor.remove(transaction, user_id):
            # Or who registers somebody else's address and enrols a factor would keep its owner out for ever.
            audit.record(transaction, "totp_disabled", client=client, user_id=user_id, reason="address proven")
        ended = end_all(transaction, user_id, "password_reset")
        audit.record(transaction, "password_reset", client=client, user_id=user_id)
        request_mail(transaction, user_id, "password_changed")
        return ended

    try:
        ended = database.transaction(work)
    except NotFound:
        raise Unauthenticated("invalid_reset_token") from None
    mark_sessions(ended)


def verify_email(database: Database, token: str, client: Client) -> None:
    """The address that the token was sent to is its user's. Raises `Unauthenticated` (`invalid_verification_token`)."""
    count_request("verify", client)

    def work(transaction: Transaction) -> None:
        user_id = mail_tokens.use_verification(transaction, token)
        if accounts.verify_email(transaction, user_id):
            audit.record(transaction, "email_verified", client=client, user_id=user_id)

    database.transaction(work)


def request_verification(database: Database, caller: Caller, client: Client) -> None:
    """Ask for the mail that verifies the caller's address, unless it is verified. Raises `Unauthenticated`."""
    count_request("verify", client)
    try:
        user = accounts.user_by_id(database, caller.user_id)
    except NotFound:
        raise Unauthenticated("invalid_token") from None
    if user["email"] is not None and not user["email_verified"] and may_be_mailed("verify", user["email"]):
        database.transaction(lambda transaction: request_mail(transaction, caller.user_id, "verify"))
