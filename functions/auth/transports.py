"""How a mail leaves: by SMTP to a server of the network's own, or by Amazon SES.

A refusal for good is told apart from trouble that will pass, and neither names the address, as both are logged.
"""

import contextlib
import re
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import urlsplit

from auth.letters import Recipient

STEP_SECONDS = 5.0  # for each answer of a server
_ENHANCED = re.compile(rb"\d\.\d{1,3}\.\d{1,3}\b")  # RFC 3463
_CLOSING = 421  # RFC 5321, 3.8: the server is going, whatever it was asked


class Refused(Exception):
    """No later try will bring this mail to its address; the text says why, and names no address."""


class Delayed(Exception):
    """Trouble that may pass. `personal`: only this mail is put off, others may well go."""

    def __init__(self, reason: str, *, personal: bool = False) -> None:
        super().__init__(reason)
        self.personal = personal


class Transport(Protocol):
    """A way out."""

    def send(self, message: EmailMessage, sender: str, to: Recipient) -> None:
        """Hand the message over. Returns once it was taken; raises `Refused` or `Delayed`."""


class Smtp:
    """A server that takes mail without TLS and login: a sink, or a relay inside the private network."""

    def __init__(self, host: str, port: int) -> None:
        self._place = (host, port)

    def send(self, message: EmailMessage, sender: str, to: Recipient) -> None:
        """See `Transport`. SMTPUTF8 (RFC 6531) for an address whose name needs it."""
        domain = sender.rpartition("@")[2]
        with _told_apart():
            server = smtplib.SMTP(*self._place, local_hostname=domain, timeout=STEP_SECONDS)
        try:
            with _told_apart():
                server.send_message(message, sender, [to.address])
        finally:
            # The mail was taken or not by now: how the server says goodbye changes nothing.
            with contextlib.suppress(OSError):
                server.quit()
            server.close()


@contextmanager
def _told_apart() -> Iterator[None]:
    """smtplib's errors as ours. Theirs hold addresses, so that none of them is kept as a cause."""
    try:
        yield
    except smtplib.SMTPNotSupportedError:
        raise Refused("the address is international, which the mail server doesn't take") from None
    except smtplib.SMTPRecipientsRefused as error:
        (answer,) = error.recipients.values()
        raise _answered("the recipient", *answer) from None
    except smtplib.SMTPSenderRefused as error:
        raise _answered("the sender", error.smtp_code, error.smtp_error, personal=False) from None
    except smtplib.SMTPDataError as error:
        raise _answered("the message", error.smtp_code, error.smtp_error) from None
    except UnicodeError:
        raise Refused("the message can't be written for this server") from None
    except smtplib.SMTPResponseException as error:
        raise Delayed(f"the mail server answers {error.smtp_code}") from None
    except OSError as error:  # smtplib's other errors are OSErrors too
        raise Delayed(f"the mail server can't be reached: {type(error).__name__}") from None


def _answered(what: str, code: int, text: bytes | str, *, personal: bool = True) -> Refused | Delayed:
    """What a server's answer means; of its text only the enhanced code is kept, as the rest may name the address."""
    found = _ENHANCED.match(text.encode() if isinstance(text, str) else text)
    told = f"{code} {found.group().decode()}" if found else str(code)
    if code >= 500:
        return Refused(f"the mail server refuses {what}: {told}")
    return Delayed(f"the mail server puts {what} off: {told}", personal=personal and code != _CLOSING)


class Ses:
    """Amazon SES, API version 2."""

    # https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
    FOR_GOOD = ("MessageRejected", "BadRequestException")

    def __init__(self) -> None:
        self._client: Any = None

    def send(self, message: EmailMessage, sender: str, to: Recipient) -> None:
        """See `Transport`. SES takes international domains, but no international names."""
        if to.international:
            raise Refused("the address is international, which SES doesn't take")
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._connected().send_email(
                FromEmailAddress=sender,
                Destination={"ToAddresses": [to.address]},
                Content={"Raw": {"Data": message.as_bytes()}},
            )
        except ClientError as error:
            raise self._meaning(error.response["Error"]) from None
        except BotoCoreError as error:
            raise Delayed(f"SES can't be reached: {type(error).__name__}") from None

    def _meaning(self, error: dict[str, Any]) -> Refused | Delayed:
        code = str(error.get("Code", ""))
        if code not in self.FOR_GOOD:
            return Delayed(f"SES answers {code}")
        if "not verified" in str(error.get("Message", "")):
            # The account is in SES's sandbox, or the sender isn't set up yet: somebody will see to it.
            return Delayed("SES wants the address or the sender verified first", personal=True)
        return Refused(f"SES refuses the message: {code}")

    def _connected(self) -> Any:
        if self._client is None:
            import boto3
            from botocore.config import Config

            # Once: the waiting is the worker's, which knows how long it has.
            once = Config(connect_timeout=3, read_timeout=STEP_SECONDS, retries={"total_max_attempts": 1})
            self._client = boto3.client("sesv2", config=once)
        return self._client


@lru_cache(maxsize=1)
def transport(mail_url: str) -> Transport:
    """The way out that a MAIL_URL names: `ses://`, or `smtp://host:port`."""
    parts = urlsplit(mail_url)
    if parts.scheme == "ses":
        return Ses()
    return Smtp(parts.hostname or "", parts.port or 25)
