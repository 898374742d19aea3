"""What was built, laid as Lambda lays it, and the running shop's client."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.performance.cold_start import Laid
from tests.performance.requests_of import Shop


@pytest.fixture(scope="session")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Laid:
    """The functions and layers as folders."""
    if sys.platform != "linux":
        pytest.skip("what is built for Lambda's Linux runs on Linux alone")
    return Laid(tmp_path_factory.mktemp("laid"))


@pytest.fixture(scope="session")
def shop(stack: dict[str, Any]) -> Iterator[Shop]:
    client = Shop(stack)
    yield client
    client.close()
