"""Device tokens: by them a device at which somebody signed in before is known again when it comes to wrong passwords.

They follow OWASP's device cookies
(https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies): signed, bound to one user, a
random nonce in each, nothing stored; bound to the password too, as one that is changed or reset voids those that its
thief was given. One signs nobody in. It gives its holder a bucket of their own in `auth.limits`,
so that whoever guesses at the account from elsewhere holds nobody up here.
"""

import base64
import binascii
import hmac
import secrets
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from eatit.errors import MisconfiguredError
from eatit.secrets import secret

LIFE_SECONDS = 365 * 24 * 3600
_VERSION = b"\x01"
_NONCE, _TIME, _SIGNATURE = 16, 8, 32
_LENGTH = len(_VERSION) + _NONCE + _TIME + _SIGNATURE
_PURPOSE = b"eatit device token"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def device_token(user_id: UUID, password_changed_at: datetime | None) -> str:
    """A token for the device at which this user signed in just now, by the password that was last changed then: 76
    characters of base64url, good for a year."""
    content = _VERSION + secrets.token_bytes(_NONCE) + int(time.time()).to_bytes(_TIME)
    return base64.urlsafe_b64encode(content + _signature(content, user_id, password_changed_at)).decode()


def trusted_device(token: str | None, user_id: UUID, password_changed_at: datetime | None) -> str | None:
    """The nonce of a device token that was made here for this user and password within a year. `None` for anything
    else: a token that is absent, damaged, forged, old or another's isn't trusted, and is no error."""
    content = _content(token)
    if content is None:
        return None
    expected = _signature(content[:-_SIGNATURE], user_id, password_changed_at)
    if not hmac.compare_digest(content[-_SIGNATURE:], expected):
        return None
    nonce, made = content[len(_VERSION) :][:_NONCE], int.from_bytes(content[-_SIGNATURE - _TIME : -_SIGNATURE])
    return nonce.hex() if time.time() - made < LIFE_SECONDS else None


def _content(token: str | None) -> bytes | None:
    """The bytes of what has a token's form."""
    try:
        content = base64.b64decode((token or "").encode("ascii"), b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    return content if len(content) == _LENGTH and content.startswith(_VERSION) else None


def _signature(content: bytes, user_id: UUID, password_changed_at: datetime | None) -> bytes:
    changed = 0 if password_changed_at is None else (password_changed_at - _EPOCH) // timedelta(microseconds=1)
    return hmac.digest(_key(), _PURPOSE + user_id.bytes + changed.to_bytes(8) + content, "sha256")


def _key() -> bytes:
    key = secret("auth/signing").get("device")
    if not key:
        # One that was kept from before the deployment that brought it is read anew.
        key = secret("auth/signing", newer_than=time.monotonic()).get("device")
    if not key:
        raise MisconfiguredError("the secret auth/signing has no key device: invoke the key rotation")
    return str(key).encode()
