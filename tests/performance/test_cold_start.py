"""From nothing to the first answer, with the stack's real servers and secrets from the extension's endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.performance.cold_start import HELLO, Laid, Ratio, compared
from tests.performance.extension import extension, secrets_of
from tests.performance.first_requests import FIRST_REQUESTS, HELLO_EVENT, first_events
from tests.performance.requests_of import Shop

ROUNDS = 5
# × the first answer of a FastAPI + Mangum hello, which asks no server at all; see docs/performance.md.
CEILING = 3.4


@pytest.fixture(scope="module")
def environment(stack: dict[str, Any]) -> Iterator[dict[str, str]]:
    with extension(secrets_of(stack)) as given:
        yield {**{name: value for name, value in stack["environment"].items() if "AWS" not in name}, **given}


@pytest.fixture(scope="module")
def events(shop: Shop) -> dict[str, dict[str, Any]]:
    return first_events(shop)


@pytest.fixture(scope="module")
def ratios(laid: Laid, environment: dict[str, str], events: dict[str, dict[str, Any]]) -> dict[str, Ratio]:
    def answering(handler: str, event: dict[str, Any]) -> float:
        start = laid.start(handler, event, environment)
        assert start.answered is not None
        return start.answered

    others = {
        name: (lambda name=name, handler=handler: answering(handler, events[name]))
        for name, handler in FIRST_REQUESTS.items()
    }
    return compared(ROUNDS, lambda: answering(HELLO, HELLO_EVENT), others)


@pytest.mark.parametrize("function", sorted(FIRST_REQUESTS))
def test_first_answer_comes_in_time(function: str, ratios: dict[str, Ratio]) -> None:
    found = ratios[function]
    assert found.surely <= CEILING, found


@pytest.mark.parametrize("function", sorted(FIRST_REQUESTS))
def test_first_answer_costs_no_sdk(
    function: str, laid: Laid, environment: dict[str, str], events: dict[str, dict[str, Any]]
) -> None:
    start = laid.start(FIRST_REQUESTS[function], events[function], environment)
    assert start.answer["statusCode"] == 200, start.answer
    assert start.afterwards & {"boto3", "botocore.session", "pika", "argon2", "alembic", "elasticsearch"} == set()
    signed_in = "Authorization" in events[function]["headers"]
    assert ("jwt" in start.afterwards) == signed_in, "tokens are worked through where there is one, and only there"
