"""Who calls while the contract is tried, and what they may break: things made for these tests alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from tests.contract.callers import Callers


@pytest.fixture(scope="session", autouse=True)
def _the_same_in_every_run() -> Iterator[None]:
    """Hypothesis draws on words and numbers of whatever code of ours is imported by then: requests would be others with
    each change of the code, and in each choice of tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(providers, "_get_local_constants", Constants)
        yield


@pytest.fixture(scope="session")
def callers(stack: dict[str, Any]) -> Iterator[Callers]:
    """Staff, a customer, a guest and nobody, with things of their own to try requests on."""
    found = Callers(stack)
    yield found
    found.clear()
