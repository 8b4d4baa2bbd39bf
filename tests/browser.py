"""A page in a real Chromium, asked by its debugging protocol."""

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect


def chromium() -> str:
    """The browser; skips the test where there is none."""
    browser = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no Chromium or Chrome here")
    return browser


class Page:
    """A page that is open in the browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._number = connection, 0

    def call(self, method: str, **options: Any) -> Any:
        """Call a method of the protocol."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": options}))
        while (answer := json.loads(self._connection.recv(timeout=30))).get("id") != self._number:
            pass
        return answer["result"]

    def value(self, script: str) -> Any:
        """The value of an expression."""
        answer = self._evaluate(script)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def _evaluate(self, script: str) -> Any:
        return self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)

    def wait(self, script: str, seconds: float = 60.0) -> None:
        """Wait until an expression is true; while the page is loading it may fail."""
        end = time.monotonic() + seconds
        while self._evaluate(script)["result"].get("value") is not True:
            assert time.monotonic() < end, f"{script}: {self.value('document.body.innerText')[:500]}"
            time.sleep(0.05)


@contextmanager
def opened(address: str, folder: Path) -> Iterator[Page]:
    """Open a page.

    Args:
        address: of it.
        folder: for the profile of the browser.
    """
    words = [chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
    words += [f"--user-data-dir={folder}", "--window-size=1200,900", address]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as browser:
        try:
            assert browser.stderr is not None
            for line in browser.stderr:
                if found := re.search(r"ws://(127.0.0.1:\d+)/", line):
                    break
            pages = []
            while not pages:
                with urllib.request.urlopen(f"http://{found[1]}/json") as answer:  # type: ignore[index]
                    pages = [one for one in json.load(answer) if one["url"].startswith(address)]
                time.sleep(0.05)
            with connect(pages[0]["webSocketDebuggerUrl"], max_size=None) as connection:
                yield Page(connection)
        finally:
            browser.terminate()
