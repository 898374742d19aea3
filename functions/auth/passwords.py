"""Passwords: argon2id with the parameters of OWASP's cheat sheet, checked for length and against the commonest."""

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from eatit.errors import Fault, Invalid

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 8, 1024

# A first sieve of the worst; a whole list is a library's work.
_COMMONEST_WORDS = """
12345678 123456789 1234567890 password password1 qwerty123 qwertyui qwertyuiop iloveyou 11111111 00000000
87654321 abc12345 abcd1234 1q2w3e4r 1qaz2wsx q1w2e3r4 zxcvbnm1 asdfghjk asdfghjkl passw0rd password123 admin123
welcome1 letmein1 football baseball superman sunshine princess computer internet trustno1 starwars whatever
qazwsxedc 12341234 12344321 123123123 987654321 йцукенгш пароль123 йцукен123 qwerty12 1234qwer qwer1234 asdf1234
zaq12wsx michelle jennifer liverpool chelsea1 dragon12
"""
COMMONEST = frozenset(_COMMONEST_WORDS.split())


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
    if text.casefold() in COMMONEST or len(set(text)) <= 2:
        return Fault("/password", "too_common")
    return None


def check_strength(password: str, email: str) -> None:
    """Raise `Invalid` (`weak_password`) for a password that is weak by itself or made of the address."""
    fault = weakness(password)
    if fault is None and _made_of(normalised(password).casefold(), email.casefold()):
        fault = Fault("/password", "made_of_email")
    if fault:
        raise Invalid([fault], "weak_password")


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
