"""The table of problems: every code that the source raises is in it, in both languages, and tells no internals."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from eatit import errors
from eatit.errors import DomainError, Fault, Forbidden, Invalid, Unauthenticated, Unavailable
from eatit.http.problems import DETAILS, FAULTS, PROBLEMS, describe_fault, problem_response
from eatit.observability import begin_trace

ROOT = Path(__file__).parents[2]
SOURCES = [path for room in ("functions", "layers/eatit") for path in (ROOT / room).rglob("*.py")]
ERRORS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, DomainError)
}  # fmt: skip
UNTOLD = {"unreadable_event"}  # raised by workers, which answer nobody


def calls() -> Iterator[ast.Call]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield node


def named(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def texts(node: ast.AST) -> Iterator[str]:
    """The texts that an argument may be, whichever way a condition goes."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def raised() -> set[str]:
    """Every code that some error is raised with."""
    found = {kind.code for kind in ERRORS.values()}
    for call in calls():
        if named(call) == "Invalid" and len(call.args) > 1:
            found.update(texts(call.args[1]))
        elif named(call) in ERRORS and named(call) != "Invalid" and call.args:
            found.update(texts(call.args[0]))
    for path in SOURCES:
        found.update(re.findall(r'^    code = "([a-z_]+)"$', path.read_text(), re.MULTILINE))
    return found - UNTOLD


def fault_codes() -> set[str]:
    """Every code that some fault is made with."""
    found: set[str] = set()
    for call in calls():
        if named(call) == "Fault" and len(call.args) > 1 and isinstance(call.args[1], ast.Constant):
            found.add(str(call.args[1].value))
        if named(call) == "PydanticCustomError" and isinstance(call.args[0], ast.Constant):
            found.add(str(call.args[0].value).removeprefix("eatit."))
    from eatit.http.bodies import _TYPES

    return found | set(_TYPES.values())


def test_every_code_that_is_raised_has_its_words() -> None:
    assert {"not_found", "email_taken", "invalid_cursor", "version_mismatch", "basket_full"} <= raised()
    assert raised() <= set(PROBLEMS)


def test_every_fault_has_its_words() -> None:
    assert {"unknown_field", "too_many_places", "wrong_check_digit", "below_minimum"} <= fault_codes()
    assert fault_codes() <= set(FAULTS)


def test_every_title_and_detail_is_in_both_languages() -> None:
    words = {code: (problem.en, problem.ru) for code, problem in PROBLEMS.items()} | DETAILS | FAULTS
    for code, (english, russian) in words.items():
        assert english, code
        assert not re.search("[а-яё]", english, re.IGNORECASE), code
        assert re.search("[а-яё]", russian), code
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", russian)), code
    assert set(DETAILS) <= set(PROBLEMS)


def test_codes_are_snake_case_with_a_status_of_an_error() -> None:
    for code, problem in PROBLEMS.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
        assert 400 <= problem.status < 600


@pytest.mark.parametrize("code", sorted(PROBLEMS))
@pytest.mark.parametrize(("accepted", "language"), [(None, "en"), ("ru", "ru"), ("en", "en")])
def test_a_problem_is_answered_whole(code: str, accepted: str | None, language: str) -> None:
    begin_trace("trace-9")
    answer = problem_response(DomainError(code), path="/store/я?\n", accept_language=accepted)
    body = orjson.loads(bytes(answer.body))
    assert answer.status_code == body["status"] == PROBLEMS[code].status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == language
    assert answer.headers["cache-control"] == "no-store"
    assert list(body) == ["type", "title", "status", "detail", "instance", "code", "trace_id"]
    assert (body["code"], body["trace_id"]) == (code, "trace-9")
    assert body["instance"] == "/store/%D1%8F%3F%0A"
    assert "{" not in body["detail"]
    assert ("www-authenticate" in answer.headers) == (body["status"] == 401)
    assert ("retry-after" in answer.headers) == (body["status"] in (429, 503))


def answered(error: DomainError, accepted: str = "en") -> Any:
    return orjson.loads(bytes(problem_response(error, path="/", accept_language=accepted).body))


def test_parameters_fill_the_words_and_extras_join_the_answer() -> None:
    assert "staff" in answered(Forbidden(role="staff"))["detail"]
    told = answered(DomainError("conflict", extra={"total": {"amount": 1, "currency": "RUB"}}))
    assert told["total"] == {"amount": 1, "currency": "RUB"}
    retried = problem_response(Unavailable(retry_after=7), path="/", accept_language=None)
    assert retried.headers["retry-after"] == "7"


def test_faults_are_told_in_the_callers_language_a_hundred_at_most() -> None:
    fault = Fault("/a\ud800", "too_many_places", {"places": 3})
    body = answered(Invalid([fault] * 300), "ru")
    assert len(body["errors"]) == 100
    assert body["errors"][0] == {
        "pointer": "/a?",
        "code": "too_many_places",
        "detail": "Не больше 3 знаков после запятой.",
    }
    assert describe_fault(Fault("/x", "never_heard_of"), "en")["detail"] == "never_heard_of"


def test_a_code_of_no_table_is_an_internal_error() -> None:
    body = answered(DomainError("never_heard_of"))
    assert (body["status"], body["code"]) == (500, "internal_error")


def test_a_missing_token_and_a_bad_one_are_told_apart() -> None:
    absent = problem_response(Unauthenticated(), path="/", accept_language=None)
    bad = problem_response(Unauthenticated("invalid_token"), path="/", accept_language=None)
    assert absent.headers["www-authenticate"] == "Bearer"
    assert bad.headers["www-authenticate"] == 'Bearer error="invalid_token"'
