"""Bodies up to 1,048,576 bytes are read and one byte more is 413, chunked or not; bytes travel unharmed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.shop import Api, faults, good, problem, unique

LIMIT = 1_048_576
JSON = {"Content-Type": "application/json"}


def body_of(size: int) -> bytes:
    """A login of exactly this many bytes."""
    start, end = b'{"email": "x@example.org", "password": "', b'"}'
    return start + b"x" * (size - len(start) - len(end)) + end


def chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


@pytest.mark.parametrize("chunked", [False, True], ids=["plain", "chunked"])
def test_a_body_over_the_limit_is_413(api: Api, chunked: bool) -> None:
    for size in (LIMIT + 1, LIMIT * 2):
        body = body_of(size)
        answer = api.call("POST", "/auth/login", data=chunks(body) if chunked else body, headers=JSON)
        problem(answer, 413, "body_too_large")


@pytest.mark.parametrize("chunked", [False, True], ids=["plain", "chunked"])
def test_a_body_of_the_limit_is_read(api: Api, chunked: bool) -> None:
    body = body_of(LIMIT)
    answer = api.call("POST", "/auth/login", data=chunks(body) if chunked else body, headers=JSON)
    assert faults(answer) == {("/password", "wrong_length")}


def test_a_body_beyond_what_the_gateway_carries_is_413_too(api: Api) -> None:
    problem(api.call("POST", "/auth/login", data=body_of(6 * LIMIT), headers=JSON), 413, "body_too_large")


def test_413_is_told_before_who_asks(api: Api) -> None:
    answer = api.call("POST", "/store/units", data=body_of(LIMIT + 1), headers=JSON, token="bad")
    problem(answer, 413, "body_too_large")


def test_every_byte_of_a_body_travels_unharmed(api: Api, staff: str) -> None:
    name = 'Ёж \x7f\x80\u00ff\u2028\ufeff\U0001f9c0 \\ " / %41 +'
    body = {"code": unique("u"), "name": name, "dimension": "mass", "factor": "1"}
    for ensure_ascii in (False, True):
        body["code"] = unique("u")
        sent = json.dumps(body, ensure_ascii=ensure_ascii).encode()
        made = good(api.call("POST", "/store/units", data=sent, headers=JSON, token=staff), 201)
        assert made["name"] == name
        assert good(api.get(f"/store/units/{made['id']}", token=staff))["name"] == name


def test_bytes_that_are_no_text_reach_the_reader_and_are_400(api: Api) -> None:
    for kind in ("application/json", "application/json; charset=binary"):
        answer = api.call("POST", "/auth/login", data=bytes(range(256)), headers={"Content-Type": kind})
        problem(answer, 400, "unreadable_json")
    binary = {"Content-Type": "application/octet-stream"}
    problem(api.call("POST", "/auth/login", data=bytes(range(256)), headers=binary), 415, "unsupported_media_type")


def test_a_chunked_body_is_as_good_as_another(api: Api, product: Any) -> None:
    body = json.dumps({"product_id": product["id"], "quantity": "1.5"}).encode()
    answer = api.call("POST", "/basket/items", data=iter([body[:10], body[10:]]), headers=JSON)
    assert good(answer)["items"][0]["quantity"] == "1.500"
