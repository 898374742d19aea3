"""Who buys and who keeps the shop in these tests: handlers in this process, and environments beside it, on the stack
whose servers may be killed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.books import assert_books
from tests.faults.books import settled
from tests.faults.orders.environments import Environments
from tests.faults.servers import Servers
from tests.functions.calls import call, good
from tests.functions.conftest import buyer, context, goods, shop, sql, warehouse

__all__ = ["buyer", "context", "goods", "shop", "sql", "warehouse"]


@pytest.fixture(scope="session")
def in_process(servers: Servers) -> dict[str, Any]:
    """The functions' own environment in this process, so that handlers can be called here."""
    os.environ.update(servers.stack["environment"])
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    return servers.stack


@pytest.fixture
def staff(shop: dict[str, Any]) -> str:
    """A staff member's access token, which holds longer than any of these tests."""
    return str(good(call("POST", "/auth/login", dict(shop["users"]["staff"])))["access_token"])


@pytest.fixture
def logs(servers: Servers) -> Path:
    """Where the stack's logs lie."""
    return servers.directory / "logs"


@pytest.fixture
def environments(shop: dict[str, Any], logs: Path) -> Iterator[Callable[[int], Environments]]:
    """Starts so many environments; they end with the test, and their log lies with the stack's."""
    started: list[Environments] = []

    def start(count: int) -> Environments:
        started.append(Environments(count, logs / "environments.log"))
        return started[-1]

    yield start
    for each in started:
        each.end()


@pytest.fixture(autouse=True)
def books(servers: Servers) -> Iterator[None]:
    """Every test ends with this: all events have come home, the copies equal the store's, and the books balance."""
    yield
    settled(servers)
    assert_books(servers.stack)
