"""What every request may count on: a request id, HEAD where there is GET, OPTIONS everywhere, plain answers."""

import re
from typing import Any

import pytest

from tests.gateway.shop import Api, problem

PATHS = ["/store/products", "/store/units", "/basket", "/auth/.well-known/jwks.json", "/store/health", "/auth/docs"]


@pytest.mark.parametrize("path", ["/store/units", "/store/nothing", "/nothing", "/auth/me"])
def test_a_request_id_is_taken(api: Api, path: str) -> None:
    given = "abc-DEF.0:1/2+3=4@5_6"
    answer = api.get(path, headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == given
    if answer.status_code != 200:
        assert answer.json()["trace_id"] == given


@pytest.mark.parametrize("path", ["/store/units", "/store/nothing", "/nothing"])
@pytest.mark.parametrize("given", [None, "", "a b", "x" * 129, "<script>", 'a"b', "ид".encode().decode("latin-1")])
def test_a_request_id_is_made_where_none_or_an_unfit_one_was_given(api: Api, path: str, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-Id": given}
    made = [api.get(path, headers=headers).headers["X-Request-Id"] for _ in range(2)]
    assert all(re.fullmatch(r"[A-Za-z0-9._:/+=@-]{16,128}", value) for value in made)
    assert made[0] != made[1]
    assert given not in made


def test_there_is_one_request_id(api: Api) -> None:
    for path in ("/store/units", "/nothing", "/store/nothing"):
        assert "," not in api.get(path).headers["X-Request-Id"]


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_the_body(api: Api, path: str) -> None:
    full, head = api.get(path), api.call("HEAD", path)
    assert head.status_code == full.status_code == 200
    assert head.content == b""
    for name in ("Content-Type", "ETag", "Vary", "Cache-Control", "Content-Language"):
        assert head.headers.get(name) == full.headers.get(name), name


def test_head_of_what_isnt_there_is_404_without_a_body(api: Api) -> None:
    for path in ("/store/nothing", "/nothing", "/store/units/019aa7c0-0000-7000-8000-000000000001"):
        answer = api.call("HEAD", path)
        assert (answer.status_code, answer.content) == (404, b"")


def test_head_of_an_entity_takes_if_none_match(api: Api, product: Any) -> None:
    path = f"/store/products/{product['id']}"
    etag = api.get(path).headers["ETag"]
    assert api.call("HEAD", path, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("path", [*PATHS, "/auth/login", "/basket/items"])
def test_options_names_the_methods(api: Api, path: str) -> None:
    answer = api.call("OPTIONS", path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "OPTIONS" in answer.headers["Allow"]
    assert ("GET" in answer.headers["Allow"]) == (path in PATHS)


def test_options_of_an_unknown_path_is_404(api: Api) -> None:
    problem(api.call("OPTIONS", "/store/nothing"), 404, "not_found")


def test_answers_arent_sniffed(api: Api) -> None:
    for path in ("/store/units", "/store/nothing"):
        assert api.get(path).headers["X-Content-Type-Options"] == "nosniff"


def test_json_is_utf8_as_it_stands(api: Api) -> None:
    answer = api.get("/store/products", headers={"Accept-Language": "ru"})
    assert answer.headers["Content-Type"] == "application/json"
    assert re.search("[а-я]", answer.content.decode())


@pytest.mark.parametrize("path", ["/store/units/%2e%2e/products", "/store//units", "/store/units%2F"])
def test_a_path_isnt_straightened(api: Api, path: str) -> None:
    answer = api.call("GET", path)
    problem(answer, 404, "not_found")
