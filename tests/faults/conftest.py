"""One stack for all fault tests of a run, whose servers they may kill; each test leaves it whole and settled."""

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from localstack.packages import install_missing
from tests.conftest import ROOT, forget_run
from tests.faults.servers import Servers
from tests.gateway.shop import Api, Keeper, eventually, good


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The stack; RabbitMQ and nginx are installed now, where they were missing and that can be done."""
    log = tmp_path_factory.mktemp("packages") / "packages.log"
    install_missing(("rabbitmq-server", "nginx"), log=log, progress=print)
    made = Servers(ROOT / ".run" / "tests" / uuid.uuid4().hex[:8])
    try:
        made.up()
        yield made
    finally:
        made.stop()
        forget_run(made.directory)


@pytest.fixture
def api(servers: Servers) -> Iterator[Api]:
    client = Api(servers.stack["url"])
    yield client
    client.session.close()


def _signed_in(api: Api, user: dict[str, str]) -> str:
    # The first calls of a cold function may be answered busy.
    return str(eventually(lambda: good(api.post("/auth/login", dict(user))))["access_token"])


@pytest.fixture
def staff(api: Api, servers: Servers) -> str:
    """A staff member's access token."""
    return _signed_in(api, servers.stack["users"]["staff"])


@pytest.fixture
def admin(api: Api, servers: Servers) -> str:
    """An admin's access token."""
    return _signed_in(api, servers.stack["users"]["admin"])


@pytest.fixture
def keeper(api: Api, staff: str) -> Keeper:
    return Keeper(api, staff)


@pytest.fixture
def sql(servers: Servers) -> Iterator["psycopg.Connection[Any]"]:
    """The shop's database as its owner, in autocommit; not for tests that take the database away."""
    with psycopg.connect(servers.stack["database_url"], autocommit=True) as connection:
        yield connection
