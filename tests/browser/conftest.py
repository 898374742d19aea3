"""The browser that opens the documentation's pages: installed where it is missing and can be, else said why not."""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from localstack.failures import StackFailure
from tests.browser.chromium import Browser, install_browser, started
from tests.conftest import ROOT


@pytest.fixture(scope="session")
def running_browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """A Chromium for all tests; in CI a missing one is a failure."""
    directory = ROOT / ".run" / "tests" / f"browser-{uuid.uuid4().hex[:8]}"
    (directory / "logs").mkdir(parents=True)

    def progress(words: str) -> None:
        reporter: Any = pytestconfig.pluginmanager.getplugin("terminalreporter")
        capture: Any = pytestconfig.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            reporter.write_line(words)

    try:
        install_browser(directory / "logs" / "apt.log", progress)
    except StackFailure as failure:
        if os.environ.get("CI") == "true":
            pytest.fail(str(failure), pytrace=False)
        pytest.skip(str(failure))
    with started(directory) as browser:
        yield browser


@pytest.fixture
def browser(running_browser: Browser) -> Iterator[Browser]:
    """The browser with nothing open and nothing noted; a test that leaves complaints behind has failed."""
    running_browser.driver.get("about:blank")
    running_browser.complaints()
    running_browser.asked()
    yield running_browser
    assert running_browser.complaints() == []
