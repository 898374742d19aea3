"""Who is let in is what the documents say, of every operation: without a token, with a bad one, with too low a role."""

import re
from typing import Any

import pytest

from tests.contract.callers import Callers
from tests.contract.documents import GROUPS, loaded

BAD = {
    "garbage": "Bearer garbage",
    "no token": "Bearer ",
    "another scheme": "Basic YWRtaW46YWRtaW4=",
    "unsigned": "Bearer eyJhbGciOiJub25lIiwia2lkIjoieCJ9.eyJzdWIiOiJ4Iiwicm9sZSI6ImFkbWluIn0.",
}


def operations() -> list[Any]:
    """Every operation of the three documents: method, path, definition."""
    found: list[Any] = [result.ok() for group in GROUPS for result in loaded(group).get_all_operations()]  # type: ignore[union-attr]
    return [pytest.param(each.method.upper(), each.path, each.definition.raw, id=each.label) for each in found]


def _address(path: str, callers: Callers) -> str:
    return re.sub(r"\{(\w+)\}", lambda name: callers.thing(name[1]), path)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(("method", "path", "definition"), operations())
def test_a_bad_token_is_refused_wherever_tokens_are_read(
    method: str, path: str, definition: dict[str, Any], bad: str, callers: Callers
) -> None:
    answer = callers.send(method, _address(path, callers), {"Authorization": BAD[bad]})
    if "security" in definition:
        assert answer.status_code == 401
        assert answer.json()["code"] == "invalid_token"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    else:
        assert answer.status_code != 401


@pytest.mark.parametrize(("method", "path", "definition"), operations())
def test_a_token_is_needed_where_the_document_says_so(
    method: str, path: str, definition: dict[str, Any], callers: Callers
) -> None:
    answer = callers.send(method, _address(path, callers), {})
    needed = {} not in definition.get("security", [{}])
    assert (answer.status_code == 401) is needed
    if needed:
        assert answer.json()["code"] == "authentication_required"
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "definition"), operations())
def test_too_low_a_role_is_403_where_the_document_says_so(
    method: str, path: str, definition: dict[str, Any], callers: Callers
) -> None:
    answer = callers.send(method, _address(path, callers), callers.headers["customer"])
    told = definition["responses"].get("403", {}).get("content", {}).get("application/problem+json", {})
    # What else is 403 (a second factor that is missing) is no matter of roles.
    refused = answer.status_code == 403 and answer.json()["code"] == "forbidden"
    assert refused is ("forbidden" in told.get("examples", {}))


@pytest.mark.parametrize("path", sorted({each.values[1] for each in operations()}))
def test_methods_without_an_operation_are_405_and_the_others_are_allowed(path: str, callers: Callers) -> None:
    there = {each.values[0] for each in operations() if each.values[1] == path}
    allowed = there | {"OPTIONS"} | ({"HEAD"} if "GET" in there else set())
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - there:
        answer = callers.send(method, _address(path, callers), {})
        assert answer.status_code == 405, method
        assert answer.json()["code"] == "method_not_allowed"
        # TRACE and the like go no further than the edge, which knows what the functions take at all.
        named = set(answer.headers["Allow"].split(", "))
        assert named >= allowed if method == "TRACE" else named == allowed
