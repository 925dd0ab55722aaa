"""A headless Chromium that tests talk to by its own protocol, so that keys, console and network can be looked at."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tornado.websocket import WebSocketClientConnection, websocket_connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
WAIT_S = 60.0


def find_chromium() -> str | None:
    """Return the executable of a Chromium, or ``None``."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of a headless browser.

    :param executable: the browser.
    :param folder: where it keeps its things.
    """

    def __init__(self, executable: str, folder: str) -> None:
        self._loop = asyncio.new_event_loop()
        flags = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            flags.append("--no-sandbox")
        self._process = subprocess.Popen(
            [executable, *flags, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.events: list[dict[str, Any]] = []
        self._number = 0
        self._connection = self._connect()
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _connect(self) -> WebSocketClientConnection:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "DevTools listening on" in line:
                port = line.rsplit(":", 1)[1].split("/")[0]
                break
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=WAIT_S) as answer:
            pages = [target for target in json.load(answer) if target["type"] == "page"]
        return self._loop.run_until_complete(self._join(pages[0]["webSocketDebuggerUrl"]))

    @staticmethod
    async def _join(address: str) -> WebSocketClientConnection:
        # Inside the loop, to which tornado's futures belong from their beginning.
        return await websocket_connect(address, max_message_size=2**28)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to a command; events that come before it are kept."""
        return self._loop.run_until_complete(asyncio.wait_for(self._call(method, parameters), WAIT_S))

    async def _call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        await self._connection.write_message(json.dumps(message))
        while True:
            answer = json.loads(await self._connection.read_message())
            if answer.get("id") == message["id"]:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, path: Path, width: int, height: int = 900) -> None:
        """Open a file in a window of a size, and wait until it stands."""
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Page.navigate", url=path.as_uri())
        self.run(
            "new Promise(done => { const look = () => document.readyState === 'complete' && location.protocol === "
            "'file:' ? requestAnimationFrame(() => requestAnimationFrame(done)) : setTimeout(look, 20); look(); })"
        )

    def run(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, code: int = 0) -> None:
        """Press and leave a key."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)

    def point_at(self, x: float, y: float) -> None:
        """Move the mouse to a place in the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def pdf(self) -> bytes:
        """Return the page as it prints."""
        return base64.b64decode(self.call("Page.printToPDF")["data"])

    def complaints(self) -> list[str]:
        """Return what the console said and what was asked of the network since the page was opened."""
        found = []
        for event in self.events:
            method, content = event.get("method"), event.get("params", {})
            if method == "Log.entryAdded":
                found.append(content["entry"]["text"])
            elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                found.append(json.dumps(content)[:500])
            elif method == "Network.requestWillBeSent" and not content["request"]["url"].startswith(("data:", "file:")):
                found.append(content["request"]["url"])
        return found

    def close(self) -> None:
        """End the browser."""
        self._connection.close()
        self._process.terminate()
        self._process.wait(timeout=WAIT_S)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._loop.close()


@contextmanager
def running_browser(executable: str) -> Iterator[Browser]:
    """Yield a browser with a folder of its own, and leave nothing of either."""
    folder = tempfile.mkdtemp(prefix="concerted-chromium-")
    browser = Browser(executable, folder)
    try:
        yield browser
    finally:
        browser.close()
        shutil.rmtree(folder, ignore_errors=True)
