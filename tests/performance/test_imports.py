"""What importing each built function may cost beside a FastAPI hello, and what it may not import at all."""

from __future__ import annotations

import pytest

from tests.performance.cold_start import HANDLERS, HELLO, Laid, Ratio, Start, compared

ROUNDS = 5
# × the import of a FastAPI + Mangum hello, taken in turn in the same run. What it really is stands in
# docs/performance.md; a fifth more than that is granted here for a busy machine.
CEILINGS = {
    "AuthFunction": 2.4,
    "StoreFunction": 2.4,
    "BasketFunction": 2.4,
    "BasketSyncFunction": 1.4,
    "OrderExpiryFunction": 1.4,
    "MailFunction": 1.4,
    "OutboxRelayFunction": 1.4,
    "UpkeepFunction": 1.3,
    "CheckBooksFunction": 1.3,
    "ImportFunction": 1.4,
    "ResyncFunction": 1.3,
    "MigrateFunction": 1.8,
    "KeyRotationFunction": 0.8,
    "AdminFunction": 1.4,
}
PUBLIC = ("AuthFunction", "StoreFunction", "BasketFunction")
WORKERS = tuple(sorted(set(HANDLERS) - set(PUBLIC)))
# Each costs a tenth of a second or more of a cold start, or serves what a request may never need.
HEAVY = {
    "elasticsearch", "pika", "boto3", "botocore.session", "argon2", "jwt", "cryptography", "alembic", "redis",
    "sqlalchemy.orm", "fastapi_offline", "aws_lambda_powertools.utilities.parameters",
}  # fmt: skip
# FastAPI and Powertools each bring the thin front of a tracer; none that measures or sends anything may come.
TRACERS = {"aws_xray_sdk", "opentelemetry.sdk", "ddtrace", "elasticapm"}


@pytest.fixture(scope="module")
def starts(laid: Laid) -> dict[str, Start]:
    """One start of each function."""
    return {name: laid.start(handler) for name, handler in HANDLERS.items()}


@pytest.fixture(scope="module")
def ratios(laid: Laid) -> dict[str, Ratio]:
    def importing(handler: str) -> float:
        return laid.start(handler).imported

    others = {name: (lambda handler=handler: importing(handler)) for name, handler in HANDLERS.items()}
    return compared(ROUNDS, lambda: importing(HELLO), others)


@pytest.mark.parametrize("function", sorted(HANDLERS))
def test_import_stays_in_its_budget(function: str, ratios: dict[str, Ratio]) -> None:
    found = ratios[function]
    assert found.surely <= CEILINGS[function], found


@pytest.mark.parametrize("function", PUBLIC)
def test_public_function_imports_nothing_heavy(function: str, starts: dict[str, Start]) -> None:
    assert starts[function].modules & (HEAVY | TRACERS) == set()


@pytest.mark.parametrize("function", WORKERS)
def test_worker_imports_no_web_framework(function: str, starts: dict[str, Start]) -> None:
    assert starts[function].modules & {"fastapi", "starlette", "mangum", "pydantic", *TRACERS} == set()


def test_only_the_worker_that_needs_it_imports_it(starts: dict[str, Start]) -> None:
    def who(module: str) -> set[str]:
        return {name for name, start in starts.items() if module in start.modules}

    assert who("boto3") == {"KeyRotationFunction"}
    assert who("alembic") == {"MigrateFunction"}
    assert who("pika") <= {
        "BasketSyncFunction",
        "MailFunction",
        "OutboxRelayFunction",
        "MigrateFunction",
        "ImportFunction",
    }
