"""Sealing: what must be readable again (TOTP secrets) lies in the database as AES-256-GCM under a key from the store.

Whoever copies the database has nothing without the secret `auth/signing`, and a sealed value moved to another user's
row doesn't open there.
"""

import base64
import binascii
import secrets
from uuid import UUID

from eatit.errors import MisconfiguredError
from eatit.secrets import secret

VERSION = b"\x01"  # AES-256-GCM under the key `seal`; another key or cipher gets another byte and is read beside it
NONCE_BYTES = 12
KEY_BYTES = 32


def sealed(plain: bytes, user_id: UUID) -> bytes:
    """`version || nonce || ciphertext and tag`, bound to this user. Raises `MisconfiguredError` without a key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    # Random nonces of 96 bits serve for 2^32 values under one key (NIST SP 800-38D, section 8.3).
    nonce = secrets.token_bytes(NONCE_BYTES)
    return VERSION + nonce + AESGCM(_key()).encrypt(nonce, plain, VERSION + user_id.bytes)


def opened(value: bytes, user_id: UUID) -> bytes:
    """What was sealed for this user.

    Raises `MisconfiguredError` for a value that this deployment didn't seal: another key, another user, a changed byte.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    version, nonce, rest = value[:1], value[1 : 1 + NONCE_BYTES], value[1 + NONCE_BYTES :]
    if version != VERSION or len(rest) < 16:
        raise MisconfiguredError("a sealed value is of a version that isn't known here")
    try:
        return AESGCM(_key()).decrypt(nonce, rest, version + user_id.bytes)
    except InvalidTag as error:
        raise MisconfiguredError("a sealed value doesn't open with the key seal of the secret auth/signing") from error


def _key() -> bytes:
    text = secret("auth/signing").get("seal")
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise MisconfiguredError("the secret auth/signing has no key seal of 32 bytes: invoke the key rotation")
    return key
