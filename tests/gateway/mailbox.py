"""The mails that the local stack laid into files, as their addressees find them."""

import contextlib
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from tests.gateway.shop import eventually
from tests.secrets_seen import note

_TOKEN = re.compile(r"(?:Code|Код): (\S+)")


def mails_to(stack: dict[str, Any], address: str, *, at_least: int = 1) -> list[EmailMessage]:
    """The mails to this address, the oldest first, as soon as there are so many."""

    def look() -> list[EmailMessage]:
        found = []
        for path in sorted(Path(stack["mail_dir"]).glob("*.eml")):
            with contextlib.suppress(FileNotFoundError):
                read = message_from_bytes(path.read_bytes(), policy=default)
                if read["Delivered-To"] == address:
                    found.append(read)
        assert len(found) >= at_least
        return found

    return eventually(look)


def said(mail: EmailMessage, form: str = "plain") -> str:
    """The text of a mail, or its HTML."""
    part = mail.get_body((form,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def token_in(mail: EmailMessage) -> str:
    """The token that a mail brings."""
    found = _TOKEN.search(said(mail))
    assert found
    note("a mail's token", found.group(1))
    return found.group(1)
