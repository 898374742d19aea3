"""Passwords: argon2id with the parameters of OWASP's cheat sheet, checked for length and for what is guessed first."""

import re
import string
import unicodedata
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from eatit.errors import Fault, Invalid

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 8, 1024

# The list below is an English one. These are Russian, words and rows of the keyboard; and what it lacks.
_MORE = """
йцукен йцукенг йцукенгш йцукенгшщз йцукенгшщзх йцукенгшщзхъ qwertyйц фывапр фывапролд фывапролдж ячсмить ячсмитьб
ячсмитьбю 1й2ц3у4к 1й2ц3у4к5е 12345678й пароль привет любовь люблю солнце солнышко зайчик котенок россия москва спартак
зенит весна лето осень зима александр алексей анастасия андрей антон дмитрий екатерина елена кристина максим марина
мария наташа наталья никита ольга роман светлана сергей татьяна юлия autumn
"""
_SHOP = ("eatit",)
_SEPARATORS = str.maketrans("", "", string.punctuation + string.whitespace)
_DECORATION = string.digits + string.punctuation + string.whitespace
# Digits and signs as they are, and as the letters that they look like: 1 is an i or an l.
_READINGS = ({}, *(str.maketrans("0134578@$!", f"o{one}eastbasi") for one in "il"))
_LITTLE = 6
"""Fewer letters and digits than this, beside a word that is guessed, are no password of their own."""


@lru_cache(maxsize=1)
def _commonest() -> frozenset[str]:
    """The 30,000 commonest passwords that zxcvbn ranks by, of 3 characters and more, its given names, and some more."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    lists = (FREQUENCY_LISTS[name] for name in ("passwords", "female_names", "male_names"))
    return frozenset(word for words in (*lists, _MORE.split()) for word in words if len(word) >= 3)


def normalised(password: str) -> str:
    """The password in NFKC, so that it doesn't depend on the keyboard that typed it."""
    return unicodedata.normalize("NFKC", password)


def weakness(password: str) -> Fault | None:
    """What is wrong with a password by itself: too short, too long, or among the commonest, however it
    is dressed up."""
    text = normalised(password)
    if len(text) < SHORTEST:
        return Fault("/password", "too_short", {"minimum": SHORTEST})
    if len(text) > LONGEST:
        return Fault("/password", "too_long", {"maximum": LONGEST})
    text = text.casefold()
    if len(set(text)) <= 2 or _runs(text) or _is_common(text) or _is_little_beside(text, _SHOP):
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


def _is_common(text: str) -> bool:
    """Whether it is a common word, forwards or backwards, or a short block again and again: with digits and signs at
    its ends, between its letters and in place of them."""
    for left in {text, text.lstrip(_DECORATION)}:
        for core in {left, left.rstrip(_DECORATION)}:
            decoration = text[: len(text) - len(left)] + left[len(core) :]
            # Much that isn't itself common makes a common word a password all the same.
            little = len(decoration) < max(len(core) + 1, _LITTLE) or decoration.translate(_SEPARATORS) in _commonest()
            if little and any(_is_word(word) for word in _readings(core)):
                return True
    return False


def _is_word(word: str) -> bool:
    if len(word) < 3:
        return False
    block = word[: (word + word).find(word, 1)]
    return not _commonest().isdisjoint((word, word[::-1], block)) or (block != word and len(block) < SHORTEST)


def _is_little_beside(text: str, words: tuple[str, ...]) -> bool:
    """Whether it has such a word, and beside it nothing, little, or a common password."""
    for reading in _readings(text):
        rest = reading
        for word in words:
            rest = rest.replace(word, "")
        if rest != reading and (len(rest) < _LITTLE or rest in _commonest()):
            return True
    return False


def _readings(text: str) -> set[str]:
    """The text without separators, its digits and signs as such and as letters."""
    return {text.translate(reading).translate(_SEPARATORS) for reading in _READINGS}


def _made_of(password: str, email: str) -> bool:
    local = email.partition("@")[0]
    pieces = {local.translate(_SEPARATORS), *re.split(r"[\W_]+", local)}
    pieces |= {piece.strip(string.digits) for piece in pieces}
    pieces |= {piece[::-1] for piece in pieces}
    parts = tuple(sorted((piece for piece in pieces if len(piece) >= 4), key=len, reverse=True))
    plain = password.translate(_SEPARATORS)
    within = password in email or (len(plain) >= _LITTLE and plain in email.translate(_SEPARATORS))
    return within or _is_little_beside(password, parts)


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
