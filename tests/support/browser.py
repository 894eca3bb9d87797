"""A headless Chromium, driven by the W3C WebDriver protocol over plain HTTP."""

import json
import re
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.support.wait import wait_for

PROGRAM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
MISSING = "chromium and chromium-driver are not installed"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
_PORT = re.compile(r"started successfully on port (\d+)")
_SECONDS = 60


class Browser:
    """One window of one browser."""

    def __init__(self, port: int, folder: Path, flags: tuple[str, ...]) -> None:
        self._port = port
        options = {
            "binary": PROGRAM,
            "args": [*FLAGS, *flags, f"--user-data-dir={folder / 'profile'}"],
            "w3c": True,
        }
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{answer['sessionId']}"

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=_SECONDS)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(value, dict) and "error" in value:
            raise AssertionError(f"{path}: {value['error']}: {value.get('message')}")
        return value

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self._ask("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page and return what it returns."""
        return self._ask("POST", f"{self._session}/execute/sync", {"script": script, "args": arguments})

    def text(self, selector: str) -> str:
        """The text of the first element that a CSS selector finds."""
        find = "const found = document.querySelector(arguments[0]);"
        return str(self.run(f"{find} return found?.innerText ?? found?.textContent ?? ''", selector))

    def wait_for(self, selector: str, *words: str, timeout: float = 20.0) -> str:
        """Wait until an element has these words, and return its text."""

        def has_them() -> str:
            found = self.text(selector)
            return found if all(word in found for word in words) else ""

        return wait_for(has_them, what=f"{selector} with {words}", timeout=timeout, interval=0.02)

    def complaints(self) -> list[str]:
        """What the console has been told since the last look, such as violations of the page's policy."""
        entries = self._ask("POST", f"{self._session}/se/log", {"type": "browser"})
        return [str(each["message"]) for each in entries]

    def size(self, width: int, height: int) -> None:
        """Make the window so large, in CSS pixels."""
        self._ask("POST", f"{self._session}/window/rect", {"width": width, "height": height})

    def picture(self, file: Path) -> None:
        """Write what the window shows as PNG."""
        file.write_bytes(b64decode(self._ask("GET", f"{self._session}/screenshot")))

    def close(self) -> None:
        """End the browser."""
        self._ask("DELETE", self._session)


@contextmanager
def running_browser(folder: Path, *flags: str) -> Iterator[Browser]:
    """A browser with a new profile for as long as the block lasts."""
    assert DRIVER
    driver = subprocess.Popen(
        [DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert driver.stdout is not None
    try:
        port = next((found[1] for line in driver.stdout if (found := _PORT.search(line))), None)
        assert port, "chromedriver did not start"
        browser = Browser(int(port), folder, flags)
        try:
            yield browser
        finally:
            browser.close()
    finally:
        driver.terminate()
        driver.wait(10)
        driver.stdout.close()
