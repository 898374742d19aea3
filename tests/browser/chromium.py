"""A headless Chromium of the tests' own: found or installed, driven by chromedriver, gone with whoever started it."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from localstack.failures import StackFailure
from localstack.packages import find_program, install_missing, missing_packages
from localstack.processes import group_members, wait_until

WANTED = ("chromium", "chromedriver")
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
OPTIONS = (
    "--headless=new",
    "--window-size=1400,1200",
    "--lang=en",
    # A pipe instead of a port: nobody else can drive this browser, and it ends when chromedriver does.
    "--remote-debugging-pipe",
    "--disable-dev-shm-usage",
    # It speaks to nothing but what the tests open, by the address that they open it at.
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-crash-reporter",
    "--disable-breakpad",
    "--no-first-run",
    "--no-default-browser-check",
)


def install_browser(log: Path, progress: Callable[[str], None]) -> None:
    """Chromium and its driver from Debian's packages, where they are missing. Raises `StackFailure` where they can't
    be had."""
    if missing_packages(WANTED) and sys.platform != "linux":
        raise StackFailure(
            "There is no chromium with chromedriver on PATH, and only on Debian are they installed here."
        )
    install_missing(WANTED, log=log, progress=progress)


class Browser:
    """A browser and what it has noted: `driver` is Selenium's."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def complaints(self) -> list[str]:
        """What its console has called an error since last asked: scripts', the page's policy's, and failed loads."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]  # type: ignore[no-untyped-call]

    def asked(self) -> list[str]:
        """The addresses that it has asked since last asked itself, those aside that lie in the browser."""
        found = []
        for entry in self.driver.get_log("performance"):  # type: ignore[no-untyped-call]
            message: dict[str, Any] = json.loads(entry["message"])["message"]
            told = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(str(told["request"]["url"]))
            elif message["method"] == "Network.webSocketCreated":
                found.append(str(told["url"]))
        return [url for url in found if urlsplit(url).scheme not in ("data", "blob", "chrome", "about")]


@contextlib.contextmanager
def started(directory: Path) -> Iterator[Browser]:
    """A browser whose profile, home and log lie in `directory`; ended with all its processes."""
    profile, log = directory / "profile", directory / "logs" / "chromedriver.log"
    profile.mkdir(parents=True)
    log.parent.mkdir(exist_ok=True)
    options = webdriver.ChromeOptions()
    options.binary_location = str(find_program("chromium"))
    for option in (*OPTIONS, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = Service(
        str(find_program("chromedriver")),
        log_output=str(log),
        env={**os.environ, "HOME": str(profile), "XDG_CONFIG_HOME": str(profile), "XDG_CACHE_HOME": str(profile)},
        popen_kw={"start_new_session": True, "preexec_fn": _die_with_parent},
    )
    driver = webdriver.Chrome(options=options, service=service)
    group = service.process.pid
    try:
        yield Browser(driver)
    finally:
        with contextlib.suppress(Exception):  # whatever is wrong with it, its group is ended below
            driver.quit()
        _end(group)
        shutil.rmtree(profile, ignore_errors=True)


def _die_with_parent() -> None:
    """Also when the tests are killed: chromedriver goes, and the browser at the other end of its pipe."""
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)


def _end(group: int) -> None:
    if not wait_until(lambda: not group_members(group), 5):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        wait_until(lambda: not group_members(group), 5)
