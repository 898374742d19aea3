"""Records of files: whatever the blocks they come in, and from whichever record one goes on, they are the same."""

import csv
import io
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from store.import_files import UnusableFile
from store.import_records import MAX_ROW, Form, find_form, records

CELL = some.text(some.sampled_from('aё",;\n\r \t'), max_size=6)
TABLE = some.lists(some.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=8)
DIRT = some.binary(max_size=200) | some.lists(some.sampled_from([b'"', b"a", b",", b"\n", b"\r", b"\xff"])).map(
    b"".join
)


def blocks(content: bytes, size: int, place: int = 0) -> Iterator[bytes]:
    yield from (content[start : start + size] for start in range(place, len(content), size))


def form(encoding: str = "utf-8") -> Form:
    return Form(encoding, ",", (), 0)


@given(TABLE, some.integers(1, 30))
def test_what_csv_writes_is_read_back_whatever_the_blocks(table: list[list[str]], size: int) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(table)
    content = out.getvalue().encode()
    found = list(records(blocks(content, size), form(), 0))
    assert [record.content for record in found] == table
    assert found[-1].end == len(content)


@given(DIRT, some.integers(1, 30), some.data())
def test_whoever_goes_on_behind_a_record_reads_the_same(content: bytes, size: int, data: some.DataObject) -> None:
    found = list(records(blocks(content, size), form(), 0))
    if not found:
        return
    place = data.draw(some.integers(0, len(found) - 1))
    again = list(records(blocks(content, size, found[place].end), form(), found[place].end))
    assert again == found[place + 1 :]
    assert all(before.end < after.end for before, after in pairwise(found))


@given(DIRT)
def test_nothing_that_is_sent_breaks_the_reader(content: bytes) -> None:
    for kind in ("text/csv", "application/jsonl"):
        try:
            found = find_form([content], kind, encoding=None, delimiter=None)
        except UnusableFile:
            continue
        list(records([content[found.start :]], found, found.start))


@pytest.mark.parametrize(
    ("content", "encoding", "delimiter", "header"),
    [
        ("sku,name\n", "utf-8", ",", ("sku", "name")),
        ("sku;name,x\n", "utf-8", ",", ("sku;name", "x")),
        ('"a;b;c",name\n', "utf-8", ",", ("a;b;c", "name")),
        ("sku; name ;x\r\n", "utf-8", ";", ("sku", "name", "x")),
        ("sku\tname\n", "utf-8", "\t", ("sku", "name")),
        ("Артикул;Имя\n", "utf-8", ";", ("Артикул", "Имя")),
        ("Артикул;Имя\n", "windows-1251", ";", ("Артикул", "Имя")),
        ("sku\n", "utf-8", ",", ("sku",)),
    ],
)
def test_the_form_is_found_out(content: str, encoding: str, delimiter: str, header: tuple[str, ...]) -> None:
    found = find_form([content.encode(encoding)], "text/csv", encoding=None, delimiter=None)
    assert (found.encoding, found.delimiter, found.header) == (encoding, delimiter, header)
    assert found.start == len(content.encode(encoding))


def test_a_letter_cut_by_the_end_of_a_block_is_no_other_encoding() -> None:
    content = ("sku\n" + "ё" * 10).encode()
    assert find_form(blocks(content, len(content) - 1), "text/csv", encoding=None, delimiter=None).encoding == "utf-8"


def test_a_quote_that_is_never_closed_costs_its_own_line() -> None:
    content = b'1,a\n2,"b\n' + b"3,c\n" * 3000 + b"4,d\n"
    found = list(records(blocks(content, 4096), form(), 0))
    assert len(found) == 3003
    assert [isinstance(record.content, list) for record in found[:3]] == [True, False, True]
    assert found[-1].content == ["4", "d"]
    assert found[-1].end == len(content)


def test_lines_longer_than_any_row_are_skipped_in_pieces() -> None:
    content = b"1,a\n" + b"x" * (3 * MAX_ROW) + b"\r\n2,b\n"
    found = list(records(blocks(content, 100_000), form(), 0))
    assert [record.end for record in found] == [4, 4 + 3 * MAX_ROW + 2, len(content)]
    assert found[2].content == ["2", "b"]
