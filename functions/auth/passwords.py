"""Passwords: argon2id with the parameters of OWASP's cheat sheet, checked for length and against the commonest."""

import unicodedata
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from eatit.errors import Fault, Invalid

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 8, 1024

# What a Russian keyboard makes of the commonest; the list below is an English one.
_RUSSIAN = """
йцукенг йцукенгш йцукенгшщз йцукен123 пароль12 пароль123 привет123 qwertyйц фывапролд ячсмитьб любовь123
наташа123 максим123 марина123 никита123 андрей123 123йцукен 1й2ц3у4к 12345678й
"""


@lru_cache(maxsize=1)
def _commonest() -> frozenset[str]:
    """The 30,000 commonest passwords that zxcvbn ranks by, and some Russian ones."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(word for word in (*FREQUENCY_LISTS["passwords"], *_RUSSIAN.split()) if len(word) >= SHORTEST)


def normalised(password: str) -> str:
    """The password in NFKC, so that it doesn't depend on the keyboard that typed it."""
    return unicodedata.normalize("NFKC", password)


def weakness(password: str) -> Fault | None:
    """What is wrong with a password by itself: too short, too long, or among the commonest."""
    text = normalised(password)
    if len(text) < SHORTEST:
        return Fault("/password", "too_short", {"minimum": SHORTEST})
    if len(text) > LONGEST:
        return Fault("/password", "too_long", {"maximum": LONGEST})
    if text.casefold() in _commonest() or len(set(text)) <= 2 or _runs(text):
        return Fault("/password", "too_common")
    return None


def check_strength(password: str, email: str, *, pointer: str = "/password") -> None:
    """Raise `Invalid` (`weak_password`) for a password that is weak by itself or made of the address; `pointer` says
    where it stands in the body."""
    fault = weakness(password)
    if fault is None and _made_of(normalised(password).casefold(), email.casefold()):
        fault = Fault(pointer, "made_of_email")
    if fault:
        raise Invalid([replace(fault, pointer=pointer)], "weak_password")


def _runs(text: str) -> bool:
    """Whether it only counts: 123456789, 987654321, abcdefgh."""
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return steps in ({1}, {-1})


def _made_of(password: str, email: str) -> bool:
    local = email.partition("@")[0]
    return password in email or (
        len(local) >= 4 and password.strip("0123456789!@#$._-") == local.strip("0123456789!@#$._-")
    )


@lru_cache(maxsize=1)
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return _hasher().hash("nobody's")


def hash_password(password: str) -> str:
    """The argon2id hash to store."""
    return _hasher().hash(normalised(password))


def holds(password_hash: str | None, password: str) -> bool:
    """Whether the password fits; as slow for no hash at all, so that time tells nothing of an account."""
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password) > LONGEST:
        password = password[:LONGEST] + "\0"
    nobodys = _nobodys_hash()  # made in any case: an environment's first caller would tell by the time
    try:
        fits = _hasher().verify(password_hash or nobodys, normalised(password))
    except (VerificationError, InvalidHashError):
        return False
    return fits and password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher().check_needs_rehash(password_hash)
