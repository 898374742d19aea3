"""Forms are read strictly: what could be taken in two ways is refused, and the refusal says why."""

import pytest

from eatit.errors import Invalid
from eatit.http.forms import MAX_FIELDS, UnreadableForm, read_form
from eatit.http.problems import DETAILS

READ = {
    b"": {},
    b"a=1&b=2": {"a": "1", "b": "2"},
    b"a=": {"a": ""},
    b"a": {"a": ""},
    b"&&a=1&": {"a": "1"},
    b"a=1=2": {"a": "1=2"},
    b"a=x+y%20z": {"a": "x y z"},
    b"a=%2B%26%3D%25": {"a": "+&=%"},
    b"a=1;b=2": {"a": "1;b=2"},
    b"%61=1": {"a": "1"},
    "пароль=ключ🧀".encode(): {"пароль": "ключ🧀"},
    b"a=%D0%BA%f0%9f%a7%80": {"a": "к🧀"},
}
UNREADABLE = {
    "bad UTF-8": (b"a=\xff", "UTF-8"),
    "bad UTF-8 behind percent signs": (b"a=%ff", "UTF-8"),
    "bad UTF-8 in a name": (b"%c3%28=1", "UTF-8"),
    "a surrogate": (b"a=%ED%A0%80", "UTF-8"),
    "UTF-16": ("a=1".encode("utf-16"), "UTF-8"),
    "NUL": (b"a=x\0", "NUL"),
    "NUL behind a percent sign": (b"a=x%00", "NUL"),
    "NUL in a name": (b"a%00=x", "NUL"),
    "a percent sign at the end": (b"a=100%", "percent"),
    "half a byte": (b"a=%4", "percent"),
    "no hexadecimal digits": (b"a=%zz", "percent"),
    "another notation": (b"a=%u0041", "percent"),
    "too many fields": (b"&".join(b"a%d=" % number for number in range(MAX_FIELDS + 1)), "100 fields"),
    "a hundred thousand fields": (b"a=1&" * 100_000, "100 fields"),
    "a hundred thousand separators": (b"&" * 100_000, "100 fields"),
}


@pytest.mark.parametrize("body", READ)
def test_a_form_is_read(body: bytes) -> None:
    assert read_form(body) == READ[body]


@pytest.mark.parametrize("what", UNREADABLE)
def test_an_unreadable_form_says_why(what: str) -> None:
    body, why = UNREADABLE[what]
    with pytest.raises(UnreadableForm) as raised:
        read_form(body)
    english, russian = raised.value.parameters["why"]
    assert why in english
    assert DETAILS["unreadable_form"][1].format(why=russian)


@pytest.mark.parametrize("body", [b"a=1&b=2&a=1", b"a=1&%61=2", b"a=&a=1", b"a&a"])
def test_a_field_that_stands_twice_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid) as raised:
        read_form(body)
    assert [(fault.pointer, fault.code) for fault in raised.value.faults] == [("/a", "repeated")]


@pytest.mark.parametrize("body", [b"a=" + b"%41" * 349_524, b"a=" + b"+" * 1_048_574, b"a=" + "ж".encode() * 524_287])
def test_a_mebibyte_is_read_whole(body: bytes) -> None:
    assert len(read_form(body)["a"]) in (349_524, 1_048_574, 524_287)
