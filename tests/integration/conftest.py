"""What the tests of the local cloud's own parts share."""

import pytest

from localstack.packages import install_missing


@pytest.fixture(scope="session")
def system_packages(tmp_path_factory: pytest.TempPathFactory) -> None:
    """RabbitMQ and nginx are on this machine; installed now, where they were missing and that can be done."""
    log = tmp_path_factory.mktemp("packages") / "packages.log"
    install_missing(("rabbitmq-server", "nginx"), log=log, progress=print)
