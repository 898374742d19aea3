"""What is typed into a search box, read."""

import pytest

from store.search_query import one_off, other_layout, plain, read_query, with_words, words_in


@pytest.mark.parametrize(
    ("given", "words", "last"),
    [
        ("молоко", "молоко", "молоко"),
        ("  Свежее   МОЛОКО", "свежее молоко", "молоко"),
        ("молоко ", "молоко", ""),  # a space ends a word
        ("мо", "мо", ""),  # too short to be a start
        ('"молоко цельное', '"молоко цельное', ""),  # within quotes words are whole
        ('"молоко" цель', '"молоко" цель', "цель"),
        ("молоко -кефир", "молоко -кефир", ""),
        ("молоко or кефир", "молоко or кефир", ""),
        ("кофе-машина", "кофе машина", "машина"),
        ("3,2 % a&b|c!d:*", "3 2 a b c d", ""),
        ("ёлка_ёлка", "елка елка", "елка"),
        ("- -- !", "", ""),
        ("\u200b\ufeff", "", ""),
    ],
)
def test_a_query_is_words_and_the_last_may_be_begun(given: str, words: str, last: str) -> None:
    query = read_query(given)
    assert (query.words, query.last) == (words, last)
    assert query.words == query.before_last + query.last or not query.last


def test_a_query_may_be_a_code_or_the_start_of_a_name() -> None:
    assert read_query(" ABC-1/2 ").code == "abc-1/2"
    assert read_query("0004600000000015").code == "4600000000015"
    assert read_query("молоко").code == ""
    assert read_query("a'b").code == ""
    assert read_query("  Молоко \t «Заря»").key == "молоко «заря»"
    assert len(read_query("а б" * 66).key) <= 200


def test_excluded_words_are_neither_looked_for_nor_corrected() -> None:
    query = read_query("сыр -сыр or малако")
    assert words_in(query) == ["сыр", "малако"]
    assert with_words(query, {"сыр": "сир", "малако": "молоко"}) == "сир -сыр or молоко"


def test_words_are_as_alike_as_they_look() -> None:
    assert plain("И\u0306огурт\u00ad ЁЖ ﬁne") == "йогурт еж fine"


def test_the_other_layout_of_the_keyboard() -> None:
    assert other_layout("vjkjrj") == "молоко"
    assert other_layout("ьшдл") == "milk"


def test_every_single_slip_is_thought_of() -> None:
    slips = one_off("сыр")
    assert {"ср", "сры", "сир", "сыры", "сырр"} <= set(slips)
    assert "сыр" not in slips
    assert len(slips) == len(set(slips)) < 500
    assert one_off("а")
