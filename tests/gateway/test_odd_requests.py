"""Odd bytes in addresses, headers, cursors and bodies: whatever comes, the answer is never a fault of the shop's."""

import base64
import json
import uuid
from typing import Any

import pytest

from tests.gateway.odd import Answer, civil, send
from tests.gateway.shop import Api, Keeper, good, unique

# The same functions behind the same edge; only, two thousand requests are ten minutes there.

JSON = b"Content-Type: application/json"
SOME_ID = b"0192f0e4-5a3c-7d31-9c1b-2f6f0a1b2c3d"
PATHS = [
    b"/store//products", b"//store/products", b"/store/../auth/me", b"/store/%2e%2e/auth/me", b"/store/..%2fauth/me",
    b"/store/products/", b"/store/products/%00", b"/store/products/%ff", b"/store/products/%C3%28", b"/store/%",
    b"/store/%zz", b"/store/%u0041", b"/store/products/%25", b"/store/products/%2F", b"/store/products%2F" + SOME_ID,
    b"/store/products/" + SOME_ID + b"%0a", b"/store/products/" + SOME_ID + b"%20", b"/store/products;x=1",
    b"/store/./products", b"/store/products/..", b"/store", b"/store/", b"/basket/", b"/basket/items/" + b"a" * 5000,
    b"/store/" + b"/" * 2000, b"/store/products/" + b"x" * 15_000, b"/store/%0d%0aX-Injected:%20yes",
    b"/store/docs/..%2f..%2fetc%2fpasswd", b"/store/docs/swagger-ui.css%00", b"/store/docs//start.js",
    b"/store/products/{id}", b'/store/products/"><script>', b"/STORE/products", b"/store/products/%ED%A0%80",
    b"/basketx", b"/storex/y", b"/_aws/execute-api/x/local/store/units", b"/store/\xff",
    b"/store/products/\x80", "/store/товары".encode(),
]  # fmt: skip
QUERIES = [
    b"limit=%00", b"cursor=%00", b"q=%00", b"q=%ff", b"q=%ED%A0%80", b"q=%C3%28", b"q=%", b"q=%zz", b"limit=",
    b"limit=20&limit=30", b"limit=abc&limit=20", b"limit=+5", b"limit=1e1", b"limit=" + b"9" * 5000,
    b"limit=%D9%A2", b"limit[]=1", b"category=%00", b"category=", b"warehouse=%ff", b"min_price=9223372036854775808",
    b"min_price=5&max_price=1", b"in_stock=maybe", b"allergen_free=,", b"allergen_free=milk%00", b"status=%00",
    b"status=draft", b"sort=%00", b"sort=name&sort=price", b"q=%25", b"q=_", b"q=%5C", b"q=" + b"%5C" * 400,
    b"q='%20or%201=1--", b"q=" + b"a" * 501, b"q=" + b"a%20" * 150, b"q=%F0%9F%8D%95", b"q=" + b"%EF%B7%BA" * 20,
    b"&&&&", b"=", b"?=?", b"a=b&" * 500, b"%00=1", b"%ff=1", b"q=%c0%80", b"q=\xff", "q=молоко".encode(),
    b'q=<>"{}|\\^`', b"limit=20;cursor=x",
]  # fmt: skip
HEADERS = [
    b"Accept-Language", b"If-None-Match", b"If-Match", b"Idempotency-Key", b"X-Basket-Token", b"X-Request-Id",
    b"Authorization", b"Content-Type", b"Origin", b"User-Agent", b"Host", b"Cookie", b"X-Amz-Target", b"Forwarded",
    b"Content-Encoding", b"Range", b"X-HTTP-Method-Override", b"Access-Control-Request-Headers",
]  # fmt: skip
VALUES = [
    b"", b"\xff\xfe", "имя".encode(), b"\x01", b"\x7f", b"a" * 8000, b"a," * 4000, b"*", b'"', b'"1.x"',
    b'"999999999999999999999.x"', b'"\xd9\xa1.x"', b"*,*", b"\xed\xa0\x80", b"en;q=nan", b"en;q=1e9",
    b"ru-" + b"x" * 3000, b";;,,", b"x" * 200, b"x" * 201,
]  # fmt: skip


@pytest.fixture(scope="module")
def signed(staff: str) -> bytes:
    """A staff member's Authorization header."""
    return b"Authorization: Bearer " + staff.encode()


@pytest.mark.parametrize("target", PATHS, ids=lambda target: repr(target[:40]))
def test_an_odd_path_leads_nowhere(api: Api, target: bytes) -> None:
    for method in ("GET", "HEAD", "DELETE"):
        answer = send(api.url, method, target)
        civil(answer, head=method == "HEAD")
        # 401: `%2F` may be read as a slash, and then there is something that needs a token.
        assert answer.status in ((400, 401, 404, 405, 414) if b"%2F" in target else (400, 404, 405, 414)), answer
        assert "x-injected" not in answer.headers


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: repr(query[:40]))
def test_an_odd_query_is_refused_or_passed_over(api: Api, signed: bytes, query: bytes) -> None:
    for path in (b"/store/products?", b"/store/units?", b"/basket?"):
        for headers in ([], [signed]):
            problem = civil(send(api.url, "GET", path + query, headers))
            assert problem.get("code", "invalid_parameter") in ("invalid_parameter", "invalid_cursor", "bad_request")


@pytest.mark.parametrize("name", HEADERS, ids=bytes.decode)
def test_odd_headers_are_refused_or_passed_over(api: Api, signed: bytes, name: bytes) -> None:
    body = b'{"product_id": "%s", "quantity": 1}' % SOME_ID
    for value in VALUES:
        header = name + b": " + value
        civil(send(api.url, "GET", b"/basket", [header]))
        civil(send(api.url, "GET", b"/store/units", [header]))
        mine = [] if name == b"Content-Type" else [JSON]
        civil(send(api.url, "POST", b"/basket/items", [header, *mine], body))
        if name != b"Authorization":
            civil(send(api.url, "PATCH", b"/auth/me", [signed, header, *mine], b"{}"))


@pytest.mark.parametrize(
    "headers",
    [
        [b"Content-Length: 5", b"Content-Length: 6"],
        [b"Content-Length: -1"],
        [b"Content-Length: a"],
        [b"Transfer-Encoding: x"],
        [b"X" * 20_000 + b": 1"],
        [b"X: " + b"y" * 20_000],
        [b"no header"],
        [b"X\x00Y: 1"],
        [b"H%d: %s" % (number, b"v" * 100) for number in range(900)],
    ],
    ids=lambda headers: repr(headers[0][:30]),
)
def test_odd_framing_is_refused_or_passed_over(api: Api, headers: list[bytes]) -> None:
    civil(send(api.url, "GET", b"/store/units", headers))


@pytest.mark.parametrize("method", ["get", "PROPFIND", "TRACE", "CONNECT", "G" * 50])
def test_an_odd_method_is_refused(api: Api, method: str) -> None:
    assert civil(send(api.url, method, b"/store/units"))["status"] in (400, 405)


BROKEN: list[Any] = [
    None, 1, -1, 2**63, 2**70, 1.5, "", "\0", "\ud800", "x" * 900, [], {}, True, ["a", "b"], "9" * 300, "2026-13-01",
    "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", str(uuid.UUID(int=0)),
]  # fmt: skip


@pytest.mark.parametrize("sort", ["name", "price", "-price", "unit_price", "-created_at"])
def test_a_tampered_cursor_is_refused_or_still_a_place(api: Api, sort: str) -> None:
    cursor = good(api.get(f"/store/products?limit=1&sort={sort}"))["next_cursor"]
    whole: Any = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    name, filters, (key, row) = whole
    tampered = [[name, filters, [part, row]] for part in BROKEN] + [[name, filters, [key, part]] for part in BROKEN]
    tampered += [[part, filters, [key, row]] for part in BROKEN] + [[name, part, [key, row]] for part in BROKEN]
    tampered += [[name, filters, part] for part in BROKEN] + BROKEN
    for value in tampered:
        made = base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
        civil(send(api.url, "GET", b"/store/products?sort=" + sort.encode() + b"&cursor=" + made))


BODIES = [
    b"", b" ", b"null", b"[]", b'""', b"{", b"\xff", b"\xef\xbb\xbf{}", b"NaN", b'{"quantity": NaN}',
    b'{"quantity": 1e999}', b'{"quantity": %s}' % (b"9" * 5000), b'{"quantity": 0.%s1}' % (b"0" * 5000),
    b"[" * 100_000, b'{"a":' * 50_000, b'{"product_id": "\\ud800"}', b'{"product_id": "\\u0000"}', b'{"\\ud800": 1}',
    b'{"a": 1, "a": 2}', b'{"quantity": true, "product_id": []}', b'{"": 1}', b'{"/": 1, "~": 2}',
    b'{"quantity": "\\u0661"}', b'{"quantity": "1\\n"}', b'{"quantity": "-0"}',
    b'{"quantity": "1_000"}', b'{"email": "a\\u200b@x.com", "password": "x"}', b'{"email": "@", "password": 1}',
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:40]))
def test_an_odd_body_is_refused(api: Api, signed: bytes, body: bytes) -> None:
    for method, path in (
        ("POST", b"/basket/items"),
        ("POST", b"/auth/login"),
        ("POST", b"/auth/register"),
        ("POST", b"/store/units"),
        ("POST", b"/store/products"),
        ("PATCH", b"/basket/items/" + SOME_ID),
    ):
        answer = send(api.url, method, path, [signed, JSON], body)
        assert civil(answer)["code"] in ("unreadable_json", "invalid_body", "invalid_credentials"), answer


def test_an_odd_idempotency_key_is_refused_where_it_counts(api: Api, signed: bytes) -> None:
    def make(key: bytes) -> Answer:
        unit = {"code": unique("u"), "name": "штука", "dimension": "count", "factor": "1"}
        headers = [signed, JSON, b"Idempotency-Key: " + key]
        return send(api.url, "POST", b"/store/units", headers, json.dumps(unit).encode())

    assert make(uuid.uuid4().hex.encode() + b"x" * 168).status == 201
    for key in (b"", b"x" * 201, b"a b", b"\xe9", "ключ".encode()):
        assert civil(make(key))["code"] == "invalid_header", key


def test_an_odd_if_match_is_stale_and_changes_nothing(api: Api, keeper: Keeper, signed: bytes) -> None:
    unit = keeper.unit()
    address = f"/store/units/{unit['id']}"
    for value in (b"", b"x", b'"', b'"x"', b'"999999999999999999999.x"', b'"-1.x"', b'W/"', b'"\xd9\xa1.x"', b"1"):
        body = b'{"name": "other"}'
        answer = send(api.url, "PATCH", address.encode(), [signed, JSON, b"If-Match: " + value], body)
        assert civil(answer)["code"] == "version_mismatch", value
    assert good(api.get(address))["version"] == unit["version"]


def test_a_product_that_isnt_there_is_told_at_once_every_time(api: Api) -> None:
    """A filler of the cache that found nothing once kept all others waiting for half a second."""
    missing = f"/store/products/{uuid.uuid4()}"
    for _ in range(8):
        answer = api.get(missing)
        assert answer.status_code == 404
        assert answer.elapsed.total_seconds() < 0.5
