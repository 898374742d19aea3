"""Recovery codes: ten, each good once, for whoever has lost the authenticator; only their digests are stored."""

import hashlib
import secrets
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, update

from auth.tables import recovery_codes
from eatit.database import Transaction

COUNT = 10
# No letter or digit that could be taken for another: no 0 O, 1 I L, U V.
LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH, GROUP = 20, 5  # 30^20: 98 bits, so that a plain SHA-256 is as good as a slow hash (NIST SP 800-63B, 3.1.2.2)

_void = delete(recovery_codes).where(recovery_codes.c.user_id == bindparam("user"))
_keep = insert(recovery_codes)
# Looked up by digest: what an index's time tells is of the digest, from which no code can be made.
_use = (
    update(recovery_codes)
    .where(
        recovery_codes.c.user_id == bindparam("user"),
        recovery_codes.c.digest == bindparam("presented"),
        recovery_codes.c.used_at.is_(None),
    )
    .values(used_at=func.now())
    .returning(recovery_codes.c.user_id)
)


def renew(transaction: Transaction, user_id: UUID) -> list[str]:
    """Ten new codes, as they are shown to their owner once: `7KQ2M-…`. All earlier ones are void."""
    codes = ["".join(secrets.choice(LETTERS) for _ in range(LENGTH)) for _ in range(COUNT)]
    void(transaction, user_id)
    transaction.execute(_keep, [{"user_id": user_id, "digest": _digest(code)} for code in codes])
    return ["-".join(code[place : place + GROUP] for place in range(0, LENGTH, GROUP)) for code in codes]


def void(transaction: Transaction, user_id: UUID) -> None:
    """Take away all of a user's codes."""
    transaction.execute(_void, {"user": user_id})


def use(transaction: Transaction, user_id: UUID, typed: str) -> bool:
    """Use up the code that was typed, without its dashes, in letters of either case; `False` where it isn't one or was
    used before."""
    presented = {"user": user_id, "presented": _digest(typed)}
    return len(typed) == LENGTH and transaction.execute(_use, presented).one_or_none() is not None


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.upper().encode("utf-8", "replace")).digest()
