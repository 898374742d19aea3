"""Swagger UI as somebody uses it: presses Authorize, fills in, executes, reads what came."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

T = TypeVar("T")
SECONDS = 30
AUTHORIZE = ".scheme-container button.authorize"
SCHEME = "//div[contains(@class, 'auth-container')][.//h4[contains(., 'OAuth2')]]"
FLEETING = (StaleElementReferenceException, ElementClickInterceptedException)


class Page:
    """A group's documentation, open."""

    def __init__(self, driver: WebDriver, url: str) -> None:
        self._driver = driver
        driver.get(url)
        self._one(AUTHORIZE)

    def sign_in(self, user: dict[str, str]) -> None:
        """Fill in Authorize's form with the user's `email` and `password`, and send it."""
        self._one(AUTHORIZE).click()
        self.fill_in(user)

    def fill_in(self, user: dict[str, str]) -> None:
        """The same, where the form is open already."""
        self._fill("#oauth_username", user["email"])
        self._fill("#oauth_password", user["password"])
        self._in_scheme(".//button[text()='Authorize']").click()

    def signed_in(self) -> None:
        """Wait until the form says that it worked, and close it."""
        self._in_scheme(".//h6[text()='Authorized']")
        self._in_scheme(".//button[text()='Close']").click()
        self._until(lambda: not self._driver.find_elements(By.CSS_SELECTOR, ".dialog-ux"))

    def refused(self) -> str:
        """What the form says went wrong."""
        return self._in_scheme(".//div[contains(@class, 'errors')]").text

    def execute(self, tag: str, operation: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Execute an operation → status and JSON body of its answer."""
        block = f"#operations-{tag}-{operation}"
        if not self._driver.find_elements(By.CSS_SELECTOR, f"{block}.is-open"):
            self._one(f"{block} .opblock-summary-control").click()
        if body is not None:
            self._fill(f"{block} textarea.body-param__text", json.dumps(body))
        if self._driver.find_elements(By.CSS_SELECTOR, f"{block} .btn-clear"):
            self._one(f"{block} .btn-clear").click()
            self._until(lambda: not self._driver.find_elements(By.CSS_SELECTOR, f"{block} .live-responses-table"))
        self._one(f"{block} button.execute").click()
        status = self._one(f"{block} .live-responses-table tbody .response-col_status").text
        answer = self._one(f"{block} .live-responses-table tbody .response-col_description .highlight-code pre").text
        return int(status.split()[0]), json.loads(answer)

    def stored(self) -> str:
        """What the page has put into the browser's storage."""
        return str(self._driver.execute_script("return JSON.stringify([{...localStorage}, {...sessionStorage}])"))

    def _fill(self, selector: str, text: str) -> None:
        field = self._one(selector)
        field.send_keys(Keys.CONTROL, "a")
        # As if pasted: at each key Swagger UI draws the page anew.
        self._driver.execute_cdp_cmd("Input.insertText", {"text": text})

    def _in_scheme(self, path: str) -> WebElement:
        return self._until(lambda: self._shown(By.XPATH, f"{SCHEME}{path[1:]}"), path)

    def _one(self, selector: str) -> WebElement:
        return self._until(lambda: self._shown(By.CSS_SELECTOR, selector), selector)

    def _shown(self, by: str, where: str) -> WebElement | None:
        return next((found for found in self._driver.find_elements(by, where) if found.is_displayed()), None)

    def _until(self, look: Callable[[], T | None], what: str = "") -> T:
        wait = WebDriverWait(self._driver, SECONDS, poll_frequency=0.05, ignored_exceptions=FLEETING)
        return wait.until(lambda _driver: look() or False, f"waited for {what}")
