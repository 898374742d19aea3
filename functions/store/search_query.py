"""What somebody typed into a search box, read: its words, what it excludes, and what they may have meant by it."""

import re
import unicodedata
from dataclasses import dataclass

# Of what is neither letter nor digit, all that search understands: quotes, and a minus before a word.
_NOISE = re.compile(r"[^\w\s\"-]|_|-(?!\w)|(?<=\w)-")
_LAST = re.compile(r"(?:^|(?<=\s))\w+$")
_CODE = re.compile(r"[a-z0-9][a-z0-9_./-]{0,63}")
_EITHER = {"or"}
# What NFKC leaves as it is, and all of it visible.
_USUAL = re.compile(r"[ -~А-Яа-яЁё]*")
SHORTEST_START = 3
MOST_WORDS = 20
# The keys of a keyboard in Latin and in Cyrillic: who forgot to switch types one for the other.
_LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"
_CYRILLIC = "йцукенгшщзхъфывапролджэячсмитьбюе"
_TO_CYRILLIC = str.maketrans(_LATIN, _CYRILLIC)
_TO_LATIN = str.maketrans(_CYRILLIC, _LATIN)
_ALPHABET = "абвгдежзийклмнопрстуфхцчшщъыьэюяabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Query:
    """A query in websearch's syntax and of plain words; `last` is the word that may still be being typed, with what
    stands before it, `code` what may be a sku or barcode, `key` what a name may begin with."""

    words: str
    before_last: str
    last: str
    code: str
    key: str


def plain(text: str) -> str:
    """Text as it is searched: NFKC, small letters, ё as е, nothing invisible. As `store.plain` has it in SQL."""
    if _USUAL.fullmatch(text):
        return text.lower().replace("ё", "е")
    visible = "".join(letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) != "Cf")
    return visible.lower().replace("ё", "е")


def read_query(given: str) -> Query:
    """Any text at all, as a query; of one without words nothing is left but its `key`."""
    text = plain(given)
    bare = text.strip()
    code = bare.lstrip("0") if bare.isascii() and bare.isdigit() else bare
    words = " ".join(_NOISE.sub(" ", text).split()[:MOST_WORDS])
    found = _LAST.search(words)
    last, before = ("", "") if found is None else (found.group(), words[: found.start()])
    typing = len(last) >= SHORTEST_START and before.count('"') % 2 == 0 and not text[-1:].isspace()
    if not typing or "or" in words.split():
        last = before = ""
    return Query(words, before, last, code if _CODE.fullmatch(code) else "", " ".join(bare.split())[:200])


def words_in(query: Query) -> list[str]:
    """The words that are looked for, not those that are excluded."""
    parts = re.findall(r"-?\w+", query.words)
    return [part for part in parts if not part.startswith("-") and part not in _EITHER]


def with_words(query: Query, other: dict[str, str]) -> str:
    """The query's text with some of its words replaced."""
    return re.sub(r"(?<![-\w])\w+", lambda found: other.get(found.group(), found.group()), query.words)


def other_layout(given: str) -> str:
    """What the same keys give in the other alphabet: `vjkjrj` is молоко."""
    text = plain(given)
    return text.translate(_TO_LATIN if any("а" <= letter <= "я" for letter in text) else _TO_CYRILLIC)


def one_off(word: str) -> list[str]:
    """All words that one letter left out, put in, changed or swapped makes of this one."""
    splits = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    less = [head + tail[1:] for head, tail in splits if tail]
    swapped = [head + tail[1] + tail[0] + tail[2:] for head, tail in splits if len(tail) > 1]
    changed = [head + letter + tail[1:] for head, tail in splits if tail for letter in _ALPHABET]
    more = [head + letter + tail for head, tail in splits for letter in _ALPHABET]
    return sorted({*less, *swapped, *changed, *more} - {word, ""})
