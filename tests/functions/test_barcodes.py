"""Goods by what a scanner reads: leading zeros, four lengths, and nothing for what is no number."""

import uuid
from typing import Any

import pytest

from tests.functions.calls import Answer, call, good, product


def gtin(length: int, *, zeros: int = 0) -> str:
    """A number that nothing else has, with this many zeros before it and a right check digit."""
    body = "0" * zeros + str(10 ** (length - zeros - 2) + uuid.uuid4().int % (8 * 10 ** (length - zeros - 2)))
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return body + str(-total % 10)


def _scan(code: str, **given: Any) -> Answer:
    return call("GET", f"/store/products/by-barcode/{code}", **given)


@pytest.mark.parametrize("length", [8, 12, 13, 14])
def test_each_length_is_kept_and_found(staff: str, length: int) -> None:
    thing = product(staff, barcode=gtin(length))
    answer = _scan(thing["barcode"])
    assert good(answer)["id"] == thing["id"]
    assert answer.headers["etag"].startswith('"1.')
    again = _scan(thing["barcode"], headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.content) == (304, b"")


@pytest.mark.parametrize("length", [8, 12, 13, 14])
def test_a_wrong_check_digit_is_no_barcode(staff: str, length: int) -> None:
    thing = product(staff)
    code = gtin(length)
    wrong = code[:-1] + str((int(code[-1]) + 1) % 10)
    answer = call("PATCH", f"/store/products/{thing['id']}", {"barcode": wrong}, token=staff)
    assert [(fault["pointer"], fault["code"]) for fault in answer.body["errors"]] == [("/barcode", "wrong_check_digit")]


def test_leading_zeros_dont_matter(staff: str) -> None:
    upc = gtin(12)
    thing = product(staff, barcode=upc)
    for code in (upc, f"0{upc}", f"00{upc}"):
        assert good(_scan(code))["id"] == thing["id"]
    ean = gtin(13, zeros=1)
    other = product(staff, barcode=ean)
    for code in (ean, ean[1:], f"0{ean}"):
        assert good(_scan(code))["id"] == other["id"]


def test_what_is_written_exactly_so_comes_first(staff: str) -> None:
    upc = gtin(12)
    as_upc, as_ean = product(staff, barcode=upc), product(staff, barcode=f"0{upc}")
    assert good(_scan(upc))["id"] == as_upc["id"]
    assert good(_scan(f"0{upc}"))["id"] == as_ean["id"]
    good(call("DELETE", f"/store/products/{as_upc['id']}", token=staff), 204)
    assert good(_scan(upc))["id"] == as_ean["id"]
    assert good(_scan(upc, token=staff))["id"] == as_upc["id"]


@pytest.mark.parametrize(
    "code", ["4600000000015000", "abc", "12345678x", "١٢٣٤٥٦٧٨", "-1", "0", "000000000000", "%20", "1%2F2", "9" * 400]
)
def test_what_is_no_number_is_404(code: str) -> None:
    answer = _scan(code)
    assert answer.status == 404, answer


def test_nobody_finds_drafts_but_staff(staff: str) -> None:
    thing = product(staff, barcode=gtin(13), status="draft")
    answer = _scan(thing["barcode"])
    assert (answer.status, answer.body["code"]) == (404, "product_not_found")
    assert good(_scan(thing["barcode"], token=staff))["id"] == thing["id"]
