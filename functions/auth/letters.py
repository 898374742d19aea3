"""Letters: from a kind and a user to a message, as plain text and as HTML, with nothing in it that tracks anybody.

Nothing that a user gave stands in one but the address itself, in its header, which is taken apart and put together by
`email`, so that no line of it can become another header.
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

from auth.letter_words import ACT, CLOSING, GREETING, TOKEN, WORDS, Kind, Language, Words
from eatit.errors import MisconfiguredError

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


def letter(kind: Kind, language: Language, *, token: str | None, shop_url: str) -> Letter:
    """The letter of a kind. `token` is needed for `verify` and `reset`; with a `shop_url` there is a link too."""
    words = WORDS[kind][language]
    link = f"{shop_url}/{PLACES[kind]}#token={token}" if shop_url and token else ""
    before = said_before(kind, language, linked=bool(link))
    return Letter(
        words.subject, _text(words, before, language, link, token), _html(words, before, language, link, token)
    )


def said_before(kind: Kind, language: Language, *, linked: bool) -> tuple[str, ...]:
    """A letter's paragraphs before its token, which speak of a link where there is one."""
    act = ACT[language][0 if linked else 1]
    return tuple(paragraph.replace("{act}", act) for paragraph in WORDS[kind][language].before)


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


def _text(words: Words, before: tuple[str, ...], language: Language, link: str, token: str | None) -> str:
    parts = [GREETING[language], *before]
    if link:
        parts.append(link)
    if token:
        parts.append(f"{TOKEN[language]} {token}")
    return "\n\n".join([*parts, *words.after, CLOSING[language]]) + "\n"


def _html(words: Words, before: tuple[str, ...], language: Language, link: str, token: str | None) -> str:
    def paragraph(text: str) -> str:
        return f"<p>{escape(text)}</p>"

    parts = [paragraph(GREETING[language]), *map(paragraph, before)]
    if link:
        parts.append(f'<p><a href="{escape(link)}">{escape(words.link)}</a></p>')
    if token:
        parts.append(f"<p>{escape(TOKEN[language])} <code>{escape(token)}</code></p>")
    parts += [*map(paragraph, words.after), f"<p><small>{escape(CLOSING[language])}</small></p>"]
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head><meta charset="utf-8"><title>{escape(words.subject)}</title>'
        "</head>\n<body>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )
