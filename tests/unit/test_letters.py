"""Letters: the same words in both forms and both languages, nothing of a user's in a header, any address or none."""

from email import message_from_bytes
from email.policy import default
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from auth.letter_words import KINDS, LANGUAGES, WORDS
from auth.letters import PLACES, Unwritable, letter, message, recipient_of, said_before, sender_of
from eatit.errors import MisconfiguredError

EVENT = UUID("019aa7c0-0000-7000-8000-000000000001")
SENDER = sender_of("Магазин EatIt <no-reply@eatit.example>")
TOKEN = "x" * 43


def test_every_kind_is_said_in_every_language() -> None:
    assert set(WORDS) == set(KINDS)
    for kind, by_language in WORDS.items():
        assert set(by_language) == set(LANGUAGES), kind
        assert len({words.subject for words in by_language.values()}) == len(LANGUAGES)
        for words in by_language.values():
            assert words.subject.isprintable()
            assert bool(words.link) == (kind in PLACES), kind
            assert len(words.subject) <= 60


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_both_forms_say_the_same(kind: Any, language: Any) -> None:
    from html import unescape

    token = TOKEN if kind in PLACES else None
    told = letter(kind, language, token=token, shop_url="https://shop.example")
    words = WORDS[kind][language]
    for paragraph in (*said_before(kind, language, linked=token is not None), *words.after):
        assert paragraph in told.text
        assert paragraph in unescape(told.html)
    for text in (told.text, told.html):
        assert (f"https://shop.example/{PLACES.get(kind)}#token={TOKEN}" in text) == (token is not None)
    assert told.html.isascii() == (language == "en")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(PLACES))
def test_a_link_is_spoken_of_where_there_is_one(kind: Any, language: Any) -> None:
    word = {"ru": "ссылк", "en": "link"}[language]
    linked = letter(kind, language, token=TOKEN, shop_url="https://shop.example")
    plain = letter(kind, language, token=TOKEN, shop_url="")
    for text, there in ((linked.text, True), (linked.html, True), (plain.text, False), (plain.html, False)):
        assert (word in text) == there
        assert "{" not in text


@given(some.text(max_size=60), some.text(max_size=60))
def test_any_address_becomes_one_header_or_none(name: str, domain: str) -> None:
    try:
        to = recipient_of(f"{name}@{domain}")
        made = message(
            letter("reset", "ru", token=TOKEN, shop_url=""),
            sender=SENDER, to=to, language="ru", event_id=EVENT,
        )  # fmt: skip
    except Unwritable:
        return
    read = message_from_bytes(made.as_bytes(), policy=default)
    assert set(read.keys()) == set(made.keys())
    assert len(read.get_all("To", [])) == 1
    assert not read.get_all("Bcc")
    assert "\n" not in to.address
    assert "\r" not in to.address


@pytest.mark.parametrize(
    "address",
    ["", "anna", "@example.org", "anna@", "anna@exa mple.org", "anna@example..org", "anna@-x.org", "anna@x_y.org",
     "anna\r\nBcc: x@example.org", "anna@example.org\r\nBcc: x@y.z", "anna\0@example.org", "anna@\ud800.org",
     "anna@" + "a" * 64 + ".org", "anna@xn--\u2603.org"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Unwritable) as caught:
        recipient_of(address)
    assert not address or address not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "written", "international"),
    [
        ("anna@example.org", "anna@example.org", False),
        ("anna@почта.рф", "anna@xn--80a1acny.xn--p1ai", False),
        ("анна@почта.рф", "анна@xn--80a1acny.xn--p1ai", True),
        ("o'neil+x@example.org", "o'neil+x@example.org", False),
    ],
)
def test_domains_are_written_in_ascii(address: str, written: str, international: bool) -> None:
    to = recipient_of(address)
    assert (to.address, to.international) == (written, international)
    made = message(
        letter("verify", "ru", token=TOKEN, shop_url=""), sender=SENDER, to=to, language="ru", event_id=EVENT
    )
    assert made.as_bytes().isascii() != international
    assert str(message_from_bytes(made.as_bytes(), policy=default)["To"]) == written


@pytest.mark.parametrize(
    "value", ["", " ", "EatIt", "EatIt <>", "a@", "@b.c", "a@b.c, d@e.f", "a@b.c\r\nBcc: d@e.f", "a@почта.рф", "a@b.c>"]
)
def test_a_sender_that_is_none_is_a_misconfiguration(value: str) -> None:
    with pytest.raises(MisconfiguredError, match="MAIL_FROM"):
        sender_of(value)


def test_a_sender_may_have_a_name() -> None:
    assert (SENDER.display_name, SENDER.addr_spec) == ("Магазин EatIt", "no-reply@eatit.example")
    assert sender_of("no-reply@eatit.example").display_name == ""
