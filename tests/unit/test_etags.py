"""ETags: If-None-Match compares the whole, If-Match the version alone (RFC 9110, section 13)."""

import pytest
from starlette.requests import Request

from eatit.errors import Stale, check_version
from eatit.http.answers import dump, entity, etag_of, expected_versions


def request(method: str = "GET", **headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "path": "/", "query_string": b"", "headers": named})


TAG = etag_of(3, b"{}")


def test_an_etag_is_the_version_and_the_bytes_digest() -> None:
    assert TAG.startswith('"3.')
    assert etag_of(3, b"{}") == TAG
    assert etag_of(3, b"{ }") != TAG
    assert etag_of(4, b"{}").partition(".")[2] == TAG.partition(".")[2]


@pytest.mark.parametrize("sent", [TAG, f"W/{TAG}", f'"x", {TAG}', f'{TAG},"x"', f'"a,b" , W/{TAG}', "*", " * "])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_caller_has_is_304(method: str, sent: str) -> None:
    answer = entity(request(method, if_none_match=sent), b"{}", version=3, language="ru")
    assert (answer.status_code, answer.body) == (304, b"")
    assert answer.headers["etag"] == TAG
    assert answer.headers["vary"] == "Accept-Language, Authorization"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("sent", ['"3"', '"3.x"', TAG.strip('"'), TAG[:-1], "", "W/", '"', '"*"'])
def test_what_the_caller_hasnt_is_200(sent: str) -> None:
    assert entity(request(if_none_match=sent), b"{}", version=3).status_code == 200


def test_only_a_read_is_ever_304() -> None:
    assert entity(request("PATCH", if_none_match="*"), b"{}", version=3).status_code == 200
    assert entity(request("GET", if_none_match="*"), b"{}", version=3, status=201).status_code == 201


@pytest.mark.parametrize(
    ("sent", "versions"),
    [
        (None, None),
        ("*", None),
        (TAG, [3]),
        ('"7"', [7]),
        (f'{TAG}, "9.abc"', [3, 9]),
        (f"W/{TAG}", [3]),  # proxies that compress weaken tags, and a version is a version
        ("", []),
        ("nonsense", []),
        ('"x.1"', []),
        ('"-3.1"', []),
        ('"٣.1"', []),
        (f'"{"9" * 40}.x"', []),
    ],
)
def test_if_match_names_versions(sent: str | None, versions: list[int] | None) -> None:
    headers = {} if sent is None else {"if_match": sent.encode().decode("latin-1")}
    assert expected_versions(request("PATCH", **headers)) == versions


def test_a_version_that_isnt_expected_is_stale() -> None:
    check_version(3, None)
    check_version(3, [1, 3])
    for expected in ([], [2]):
        with pytest.raises(Stale):
            check_version(3, expected)


def test_bytes_are_utf8_with_times_to_the_second() -> None:
    from datetime import UTC, datetime, timedelta, timezone
    from uuid import UUID

    moscow = datetime(2026, 11, 21, 21, 0, 0, 123456, timezone(timedelta(hours=3)))
    value = {"name": "Ёж", "at": moscow.astimezone(UTC), "id": UUID(int=1)}
    assert dump(value).decode() == (
        '{"name":"Ёж","at":"2026-11-21T18:00:00Z","id":"00000000-0000-0000-0000-000000000001"}'
    )
