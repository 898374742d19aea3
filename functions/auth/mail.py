"""MailFunction: sends the mails that `auth.mail.requested` asks for, from the queue auth.mail.

The event says who and which kind, and nothing secret: the token is made here, and only its digest is stored. At least
once, with no loss: the token is committed before its mail is sent, and the event counts as done only afterwards; a
process that dies between the two sends another mail with another token. What no try will mend is parked with its
reason; trouble that will pass is waited out until near the function's end, then raised, which gives the batch back.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from auth import mail_tokens
from auth.letter_words import KINDS, LANGUAGES, Kind, Language
from auth.letters import PLACES, Unwritable, letter, message, recipient_of, sender_of
from auth.tables import inbox, users
from auth.transports import Delayed, Refused, transport
from eatit.consumer import Delivery, deliveries, park, put_back
from eatit.database import Database, Transaction
from eatit.errors import Unavailable
from eatit.events import MAIL_REQUESTED, Event, UnreadableEvent, quoted, read_event
from eatit.observability import MetricUnit, begin_trace, logger, metrics
from eatit.publisher import Publisher
from eatit.settings import settings

SPARE_MILLISECONDS = 8_000  # a server's slowest step, and what stands after it
LONGEST_PAUSE = 2.0
# A mail that a server puts off is tried again for so long here, then goes to the queue's end; after a day it is parked.
PATIENCE_SECONDS = 5.0
GIVEN_UP_AFTER = timedelta(days=1)
# So many mails of one kind go to one user within an hour: whoever asks for more floods somebody.
MOST_IN_AN_HOUR = 5

T = TypeVar("T")
Outcome = str  # "sent", "repeated" or "dropped"

database = Database("auth")
_publisher = Publisher()

_received = insert(inbox).values(event_id=bindparam("event")).on_conflict_do_nothing()
_standing = select(inbox.c.done_at, inbox.c.user_id).where(inbox.c.event_id == bindparam("event")).with_for_update()
# Locked, so that two mails of one user are counted one after the other.
_addressee = (
    select(users.c.email, users.c.email_verified, users.c.language, users.c.disabled)
    .where(users.c.id == bindparam("user"))
    .with_for_update(key_share=True)
)
_sent_lately = select(func.count()).where(
    inbox.c.user_id == bindparam("user"),
    inbox.c.kind == bindparam("mail_kind"),
    inbox.c.received_at > func.now() - timedelta(hours=1),
)
_chosen = update(inbox).where(inbox.c.event_id == bindparam("event"))
_done = _chosen.values(done_at=func.now())


@dataclass(frozen=True, slots=True)
class Request:
    """A mail that is asked for, and the message that asks."""

    delivery: Delivery
    event: Event
    kind: Kind


@dataclass(frozen=True, slots=True)
class Mail:
    """What is to be sent to whom."""

    email: str
    language: Language
    token: str | None


@metrics.log_metrics(raise_on_empty_metrics=False)
def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """An `aws:rmq` event → `{"sent": n, "repeated": n, "dropped": n, "put_back": n, "parked": n}`. Raises when the
    batch must come again.

    https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html
    """
    requests: list[Request] = []
    refused: list[tuple[Delivery, str]] = []
    for delivery in deliveries(event):
        try:
            requests.append(_understood(delivery))
        except UnreadableEvent as error:
            refused.append((delivery, error.reason))
    begin_trace(requests[0].event.trace_id if len(requests) == 1 else None)
    outcomes, put_off = _served(requests, refused, context)
    for request, reason in put_off:
        if datetime.now(UTC) - request.event.occurred_at > GIVEN_UP_AFTER:
            refused.append((request.delivery, f"given up after a day: {reason}"))
        else:
            put_back(_publisher, request.delivery)
            logger.warning("mail put off", reason=reason, event_id=str(request.event.id))
            outcomes.append("put_back")
    # Last: a batch that comes again because a server is away would park its poison each time.
    for delivery, reason in refused:
        park(_publisher, delivery, reason)
    counts = {name: outcomes.count(name) for name in ("sent", "repeated", "dropped", "put_back")}
    counts["parked"] = len(refused)
    metrics.add_metric(name="MailsSent", unit=MetricUnit.Count, value=counts["sent"])
    metrics.add_metric(name="MailsParked", unit=MetricUnit.Count, value=counts["parked"])
    logger.info("mail", extra={**counts, "traces": sorted({request.event.trace_id for request in requests})[:20]})
    return counts


def _understood(delivery: Delivery) -> Request:
    event = read_event(delivery.body)
    if event.type != MAIL_REQUESTED:
        raise UnreadableEvent(f"type {quoted(event.type)} isn't for this queue")
    kind = event.state.get("kind")
    if kind not in KINDS:
        raise UnreadableEvent(f"there is no mail of kind {quoted(kind)}")
    if event.state.get("user_id") != str(event.aggregate_id):
        raise UnreadableEvent("the state is another aggregate's")
    if event.occurred_at.tzinfo is None:
        raise UnreadableEvent("occurred_at has no offset")
    return Request(delivery, event, cast(Kind, kind))


def _served(
    requests: list[Request], refused: list[tuple[Delivery, str]], context: Any
) -> tuple[list[Outcome], list[tuple[Request, str]]]:
    """Serve every request: what became of each, and which are put off with the reason. Adds to `refused`."""
    outcomes: list[Outcome] = []
    waiting = [(request, "") for request in requests]
    until: float | None = None
    pause = 0.2
    while True:
        again: list[tuple[Request, str]] = []
        for request, _ in waiting:
            if not _time_left(context, 0):
                raise Unavailable(what="time")  # rather than be killed in the middle; what is done stays done
            try:
                outcomes.append(_serve(request, context))
            except (Refused, Unwritable) as error:
                refused.append((request.delivery, str(error)))
            except Delayed as error:
                if not error.personal:
                    raise
                again.append((request, str(error)))
        until = until or time.monotonic() + PATIENCE_SECONDS
        if not again or time.monotonic() + pause > until or not _time_left(context, pause):
            return outcomes, again
        time.sleep(pause)
        waiting, pause = again, min(pause * 2, LONGEST_PAUSE)


def _serve(request: Request, context: Any) -> Outcome:
    """Send one mail, if it is to be sent. Raises `Refused`, `Unwritable`, a personal `Delayed`, or what gives the batch
    back."""
    found = _patiently(lambda: database.transaction(lambda transaction: _chosen_mail(transaction, request)), context)
    if not isinstance(found, Mail):
        return found
    _patiently(lambda: _send(request, found), context)
    _patiently(lambda: database.write(_done, {"event": request.event.id}), context)
    return "sent"


def _chosen_mail(transaction: Transaction, request: Request) -> Mail | Outcome:
    """The mail to be sent, with a token of its own, or why none is; in the latter case the event is done."""
    event, kind = request.event, request.kind
    transaction.execute(_received, {"event": event.id})
    row = transaction.execute(_standing, {"event": event.id}).one()
    if row.done_at is not None:
        return "repeated"
    user = transaction.execute(_addressee, {"user": event.aggregate_id}).one_or_none()
    if user is None or user.disabled or not user.email or (kind == "verify" and user.email_verified):
        # Also what stands for an address that nobody has: whoever asked is not told, and nobody is written to.
        transaction.execute(_done, {"event": event.id})
        return "dropped"
    if row.user_id is None:
        lately = transaction.execute(_sent_lately, {"user": event.aggregate_id, "mail_kind": kind}).scalar_one()
        if lately >= MOST_IN_AN_HOUR:
            transaction.execute(_done, {"event": event.id})
            logger.warning("mail dropped: too many", user_id=str(event.aggregate_id), kind=kind)
            return "dropped"
        transaction.execute(_chosen.values(user_id=event.aggregate_id, kind=kind), {"event": event.id})
    language = user.language if user.language in LANGUAGES else settings().default_language
    token = None
    if kind in PLACES:
        token = mail_tokens.make(
            transaction,
            user_id=event.aggregate_id,
            kind=cast(mail_tokens.Kind, kind),
            email=user.email,
            event_id=event.id,
        )
    return Mail(user.email, cast(Language, language), token)


def _send(request: Request, mail: Mail) -> None:
    configuration = settings()
    sender = sender_of(configuration.mail_from)
    told = letter(request.kind, mail.language, token=mail.token, shop_url=configuration.shop_url)
    to = recipient_of(mail.email)
    made = message(told, sender=sender, to=to, language=mail.language, event_id=request.event.id)
    transport(configuration.mail_url).send(made, sender.addr_spec, to)


def _patiently(work: Callable[[], T], context: Any) -> T:
    """Do it, waiting out what is away, with growing pauses, as long as the time allows; then raise."""
    pause = 0.1
    while True:
        try:
            return work()
        except (Unavailable, DBAPIError, Delayed) as error:
            if isinstance(error, Delayed) and error.personal:
                raise
            if not _time_left(context, pause):
                raise
            logger.warning("waiting to send mail", reason=str(error) if isinstance(error, Delayed) else "database")
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


def _time_left(context: Any, pause: float) -> bool:
    return bool(context.get_remaining_time_in_millis() >= SPARE_MILLISECONDS + pause * 1000)
