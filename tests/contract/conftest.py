"""Who calls while the contract is tried, and what they may break: things made for these tests alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.callers import Callers


@pytest.fixture(scope="session")
def callers(stack: dict[str, Any]) -> Iterator[Callers]:
    """Staff, a customer, a guest and nobody, with things of their own to try requests on."""
    found = Callers(stack)
    yield found
    found.clear()
