"""Codes of a second factor: TOTP (RFC 6238) as every authenticator makes it, or a recovery code in the same field."""

import hmac
import re
import time
import unicodedata
from typing import Literal
from uuid import UUID

from sqlalchemy import bindparam, select, update

from auth import recovery_codes
from auth.seal import opened
from auth.tables import users
from eatit.database import Transaction

ISSUER = "EatIt"
DIGITS, PERIOD = 6, 30
LONGEST = 100  # characters of a code as it is typed
WINDOW = 1  # steps to either side, for clocks that differ and codes typed late (RFC 6238, section 5.2)

_SIX_DIGITS = re.compile(r"[0-9]{6}")
# Nobody who merely refers to the user has to wait for this lock, only who changes the row.
_held = (
    select(users.c.totp_secret, users.c.totp_enabled_at, users.c.totp_last_step)
    .where(users.c.id == bindparam("user"))
    .with_for_update(key_share=True)
)
_take = update(users).where(users.c.id == bindparam("user")).values(totp_last_step=bindparam("step"))


def new_secret() -> str:
    """A new secret: 160 bits in base32, as RFC 4226 (section 4, R6) recommends."""
    import pyotp

    return pyotp.random_base32(32)


def uri_of(secret: str, account: str) -> str:
    """What an authenticator reads from a QR code: `otpauth://totp/EatIt:anna%40example.org?secret=…&issuer=EatIt`
    (https://github.com/google/google-authenticator/wiki/Key-Uri-Format)."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)


def accept(transaction: Transaction, user_id: UUID, code: str) -> Literal["totp", "recovery"] | None:
    """Take a user's code, so that it is never taken again: which kind it was, or `None` for a wrong or used one, and
    for whoever has no second factor.

    The user's row stays locked until the transaction's end: of two who show one code at once the second finds it used.
    """
    row = transaction.execute(_held, {"user": user_id}).one_or_none()
    if row is None or row.totp_enabled_at is None:
        return None
    typed = plain(code)
    if not _SIX_DIGITS.fullmatch(typed):
        return "recovery" if recovery_codes.use(transaction, user_id, typed) else None
    step = step_of(opened(row.totp_secret, user_id).decode(), typed, after=row.totp_last_step)
    if step is None:
        return None
    transaction.execute(_take, {"user": user_id, "step": step})
    return "totp"


def step_of(secret: str, code: str, *, after: int | None, at: float | None = None) -> int | None:
    """The step whose code this is, of those around `at` (Unix seconds; now) and later than `after`; every code is
    compared, in constant time."""
    import pyotp

    totp = pyotp.TOTP(secret, digits=DIGITS, interval=PERIOD)
    present = totp.timecode(time.time() if at is None else at)
    found = None
    for step in range(max(0, present - WINDOW), present + WINDOW + 1):
        same = hmac.compare_digest(totp.generate_otp(step).encode(), code.encode("utf-8", "replace"))
        if same and found is None and (after is None or step > after):
            found = step
    return found


def plain(code: str) -> str:
    """A code as it is compared: without the spaces and dashes that people put between its groups, full-width digits
    and letters as plain ones; empty for what is no code at all."""
    if len(code) > LONGEST:
        return ""
    text = unicodedata.normalize("NFKC", code)
    return "".join(sign for sign in text if not sign.isspace() and unicodedata.category(sign) not in ("Pd", "Cf"))
