"""Mail by Amazon SES: taken by the emulator's, and every answer of the real one understood."""

import contextlib
import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from auth.letters import letter, message, recipient_of, sender_of
from auth.mail import handler
from auth.transports import Delayed, Refused, Ses
from eatit.identifiers import uuid7
from eatit.settings import settings
from localstack.deploy import client
from tests.functions.calls import unique
from tests.functions.events import Context
from tests.functions.mails import TOKEN, Person, mail_event, mail_message

SENDER = sender_of("EatIt <no-reply@eatit.example>")


@pytest.fixture
def by_ses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Mails go to the emulator's SES, where the sender is verified, as it has to be."""
    with contextlib.suppress(client("sesv2", os.environ["AWS_ENDPOINT_URL"]).exceptions.AlreadyExistsException):
        client("sesv2", os.environ["AWS_ENDPOINT_URL"]).create_email_identity(EmailIdentity="eatit.example")
    monkeypatch.setenv("MAIL_URL", "ses://")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def sent_to(address: str) -> list[Any]:
    """What the emulator's SES was given for an address."""
    url = f"{os.environ['AWS_ENDPOINT_URL']}/_ministack/ses/messages"
    with urllib.request.urlopen(url, timeout=10) as answer:
        listed = json.loads(answer.read())["messages"]
    every = [each for one in listed.values() for each in one] if isinstance(listed, dict) else listed
    return [each for each in every if each["To"] == [address]]


# Addresses under .test: the emulator writes them into its log, where the suite looks for those of others.
@pytest.mark.usefixtures("by_ses")
@pytest.mark.parametrize(
    ("stored", "delivered"),
    [("anna-{}@mail.test", "anna-{}@mail.test"), ("anna-{}@почта.рф", "anna-{}@xn--80a1acny.xn--p1ai")],
)
def test_ses_takes_a_mail(person: Callable[..., Person], stored: str, delivered: str) -> None:
    mark = unique()
    user_id, _ = person(email=stored.format(mark), language="en")
    assert handler(mail_event(mail_message(user_id, "reset")), Context())["sent"] == 1
    (found,) = sent_to(delivered.format(mark))
    assert found["Source"] == "no-reply@eatit.example"
    assert found["Subject"] == "A new password"
    assert TOKEN.search(found["BodyText"])


@pytest.mark.usefixtures("by_ses")
def test_ses_takes_no_international_name(
    person: Callable[..., Person], parked_mail: Callable[[], dict[str, Any]]
) -> None:
    user_id, _ = person(email=f"анна-{unique()}@example.org")
    assert handler(mail_event(mail_message(user_id, "reset")), Context())["parked"] == 1
    ((headers, _),) = parked_mail().values()
    assert headers["x-parked-reason"] == "the address is international, which SES doesn't take"


@pytest.fixture
def stubbed() -> Iterator[tuple[Ses, Stubber]]:
    ses = Ses()
    with Stubber(ses._connected()) as stubber:
        yield ses, stubber


def send(ses: Ses, address: str = "anna@example.org") -> bytes:
    to = recipient_of(address)
    told = letter("reset", "ru", token="t" * 43, shop_url="")
    made = message(told, sender=SENDER, to=to, language="ru", event_id=uuid7())
    ses.send(made, SENDER.addr_spec, to)
    return made.as_bytes()


def test_the_call_is_as_ses_wants_it(stubbed: tuple[Ses, Stubber], monkeypatch: pytest.MonkeyPatch) -> None:
    ses, stubber = stubbed
    calls: list[dict[str, Any]] = []
    stubber.add_response("send_email", {"MessageId": "1"})
    ses._client.meta.events.register("provide-client-params.sesv2.SendEmail", lambda params, **_: calls.append(params))
    raw = send(ses)
    (call,) = calls
    assert call == {
        "FromEmailAddress": "no-reply@eatit.example",
        "Destination": {"ToAddresses": ["anna@example.org"]},
        "Content": {"Raw": {"Data": raw}},
    }
    assert raw.startswith(b"From: EatIt <no-reply@eatit.example>\r\nTo: anna@example.org\r\n")
    stubber.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["MessageRejected", "BadRequestException"])
def test_what_ses_refuses_is_refused_for_good(stubbed: tuple[Ses, Stubber], code: str) -> None:
    ses, stubber = stubbed
    stubber.add_client_error("send_email", code, "anna@example.org is not to our liking", 400)
    with pytest.raises(Refused) as caught:
        send(ses)
    assert str(caught.value) == f"SES refuses the message: {code}"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("TooManyRequestsException", 429),
        ("LimitExceededException", 400),
        ("SendingPausedException", 400),
        ("AccountSuspendedException", 400),
        ("MailFromDomainNotVerifiedException", 400),
        ("NotFoundException", 404),
        ("AccessDeniedException", 403),
        ("ExpiredTokenException", 403),
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
    ],
)
def test_what_may_pass_is_waited_out(stubbed: tuple[Ses, Stubber], code: str, status: int) -> None:
    ses, stubber = stubbed
    stubber.add_client_error("send_email", code, "anna@example.org", status)
    with pytest.raises(Delayed) as caught:
        send(ses)
    assert (str(caught.value), caught.value.personal) == (f"SES answers {code}", False)


def test_in_the_sandbox_a_mail_is_put_off(stubbed: tuple[Ses, Stubber]) -> None:
    ses, stubber = stubbed
    told = "Email address is not verified. The following identities failed the check: anna@example.org"
    stubber.add_client_error("send_email", "MessageRejected", told, 400)
    with pytest.raises(Delayed) as caught:
        send(ses)
    assert caught.value.personal
    assert "anna" not in str(caught.value)


def test_ses_that_cant_be_reached_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ses = Ses()

    def unreachable(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://email.example")

    monkeypatch.setattr(ses._connected(), "send_email", unreachable)
    with pytest.raises(Delayed, match="can't be reached: EndpointConnectionError"):
        send(ses)
