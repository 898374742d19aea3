"""Letters: from a kind and a user to a message, as plain text and as HTML, with nothing in it that tracks anybody.

Whatever a user gave is escaped in the HTML and appears in no header but the address itself, which is taken apart and
put together by `email`, so that no line of it can become a header.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from html import escape
from typing import cast
from uuid import UUID

from auth.letter_words import CLOSING, GREETING, TOKEN, WORDS, Kind, Language, Words
from eatit.errors import MisconfiguredError

LONGEST_NAME = 100
# Where the shop's web front takes the tokens; behind a `#`, so that they come into no server's log.
PLACES: dict[str, str] = {"verify": "verify-email", "reset": "reset-password"}
# Bodies that any server takes, whether or not it speaks 8BITMIME.
_PLAIN = SMTP.clone(cte_type="7bit")
_INTERNATIONAL = SMTPUTF8.clone(cte_type="7bit")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


class Unwritable(Exception):
    """A letter that can't be written to its address. Never says which address."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address as it goes over the wire; `international` when its name is more than ASCII, which needs SMTPUTF8."""

    name: str
    domain: str
    international: bool

    @property
    def address(self) -> str:
        """name@domain, as SMTP's RCPT has it."""
        return Address(username=self.name, domain=self.domain).addr_spec


@dataclass(frozen=True, slots=True)
class Letter:
    """What is said, in both forms."""

    subject: str
    text: str
    html: str


def recipient_of(address: str) -> Recipient:
    """The recipient of a stored address, its domain in ASCII (RFC 5891) so that any server finds it.

    Raises `Unwritable` when it isn't an address.
    """
    name, _, domain = address.rpartition("@")
    if not name or any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in address):
        raise Unwritable("the address isn't one")
    if not domain.isascii():
        import idna

        try:
            domain = idna.encode(domain, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            raise Unwritable("the address's domain isn't one") from None
    if not all(_LABEL.fullmatch(label) for label in domain.split(".")):
        raise Unwritable("the address's domain isn't one")
    return Recipient(name, domain, not name.isascii())


def sender_of(mail_from: str) -> Address:
    """The address that the shop writes from. Raises `MisconfiguredError` when the setting holds none."""
    try:
        header = _PLAIN.header_factory("From", mail_from)
        (found,) = header.addresses
    except (MessageError, ValueError, IndexError, AttributeError):
        found = None
    if found is None or header.defects or not found.username or not found.domain.isascii() or not found.domain:
        raise MisconfiguredError("MAIL_FROM must be one address, such as EatIt <no-reply@shop.example>")
    return cast(Address, found)


def letter(kind: Kind, language: Language, *, name: str | None, token: str | None, shop_url: str) -> Letter:
    """The letter of a kind. `name` greets the user; only one who owns the address should be greeted, or strangers could
    have the shop send words of theirs. `token` is needed for `verify` and `reset`."""
    words = WORDS[kind][language]
    anonymous, personal = GREETING[language]
    known = _one_line(name or "")
    greeting = personal.replace("{name}", known) if known else anonymous
    link = f"{shop_url}/{PLACES[kind]}#token={token}" if shop_url and token else ""
    return Letter(
        words.subject, _text(words, language, greeting, link, token), _html(words, language, greeting, link, token)
    )


def message(told: Letter, *, sender: Address, to: Recipient, language: Language, event_id: UUID) -> EmailMessage:
    """The letter as a message (RFC 5322, or 6532 to an international address). Raises `Unwritable`."""
    made = EmailMessage(policy=_INTERNATIONAL if to.international else _PLAIN)
    try:
        made["From"] = sender
        made["To"] = Address(username=to.name, domain=to.domain)
        made["Subject"] = told.subject
        made["Date"] = datetime.now(UTC)
        made["Message-ID"] = f"<{event_id}@{sender.domain}>"
        made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence notice answers it
        made.set_content(told.text)
        made.add_alternative(told.html, subtype="html")
        made["Content-Language"] = language
        made.as_bytes()
    except (MessageError, ValueError, IndexError):
        raise Unwritable("the address can't be written into a message") from None
    return made


def _text(words: Words, language: Language, greeting: str, link: str, token: str | None) -> str:
    parts = [greeting, *words.before]
    if link:
        parts.append(link)
    if token:
        parts.append(f"{TOKEN[language]} {token}")
    return "\n\n".join([*parts, *words.after, CLOSING[language]]) + "\n"


def _html(words: Words, language: Language, greeting: str, link: str, token: str | None) -> str:
    def paragraph(text: str) -> str:
        return f"<p>{escape(text)}</p>"

    parts = [paragraph(greeting), *map(paragraph, words.before)]
    if link:
        parts.append(f'<p><a href="{escape(link)}">{escape(words.link)}</a></p>')
    if token:
        parts.append(f"<p>{escape(TOKEN[language])} <code>{escape(token)}</code></p>")
    parts += [*map(paragraph, words.after), f"<p><small>{escape(CLOSING[language])}</small></p>"]
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head><meta charset="utf-8"><title>{escape(words.subject)}</title>'
        "</head>\n<body>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )


def _one_line(name: str) -> str:
    """A name without what breaks lines, hides itself or turns the direction of what follows."""
    seen = "".join(" " if character.isspace() else character for character in name)
    kept = "".join(character for character in seen if not unicodedata.category(character).startswith("C"))
    return " ".join(kept.split())[:LONGEST_NAME]
