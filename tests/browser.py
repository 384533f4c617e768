"""A real browser for tests: Chromium by chromedriver, over WebDriver's plain HTTP."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # https://www.w3.org/TR/webdriver2/#elements
_START_S = 20.0


@dataclass(frozen=True, slots=True)
class Browser:
    """A session; every method is one or two commands of WebDriver."""

    session: str

    def open(self, page: str) -> None:
        self._post("url", url=page)

    def back(self) -> None:
        self._post("back")

    @property
    def address(self) -> str:
        return str(self._get("url"))

    @property
    def title(self) -> str:
        return str(self._get("title"))

    def text(self, css: str = "body") -> str:
        return str(self._get(f"element/{self._find(css)}/text"))

    def follow(self, words: str) -> None:
        """Click the link with these words."""
        found = self._post("element", using="link text", value=words)
        self._post(f"element/{found[_ELEMENT]}/click")

    def click(self, css: str) -> None:
        self._post(f"element/{self._find(css)}/click")

    def type(self, css: str, words: str) -> None:
        self._post(f"element/{self._find(css)}/value", text=words)

    def allow_scripts(self, are_allowed: bool) -> None:
        """Say whether pages may run scripts, as a reader's settings do."""
        self._devtools("Emulation.setScriptExecutionDisabled", value=not are_allowed)

    def press_tab(self) -> None:
        keys = [{"type": "keyDown", "value": "\ue004"}, {"type": "keyUp", "value": "\ue004"}]
        self._post("actions", actions=[{"type": "key", "id": "keyboard", "actions": keys}])

    def run(self, script: str) -> Any:  # noqa: ANN401 - any JSON
        return self._post("execute/sync", script=script, args=[])

    def run_async(self, script: str) -> Any:  # noqa: ANN401 - any JSON
        return self._post("execute/async", script=script, args=[])

    def complaints(self) -> list[str]:
        """Return what the browser's console says, e.g. of a policy that was broken."""
        return [str(entry["message"]) for entry in self._post("se/log", type="browser")]

    def look(self, *, width: int, is_dark: bool) -> None:
        """Show pages at a width, in light or dark."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self._devtools("Emulation.setEmulatedMedia", features=[scheme])
        self._devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )

    def picture(self, path: Path, *, tallest: int = 6000) -> None:
        """Write the page, its first `tallest` pixels, as a PNG."""
        size = self.run("const e = document.documentElement; return [innerWidth, e.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": min(size[1], tallest), "scale": 1}
        taken = self._devtools("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(taken["data"]))

    def close(self) -> None:
        _ask(self.session, None, method="DELETE")

    def _find(self, css: str) -> str:
        return str(self._post("element", using="css selector", value=css)[_ELEMENT])

    def _devtools(self, command: str, **values: object) -> Any:  # noqa: ANN401 - any JSON
        return self._post("goog/cdp/execute", cmd=command, params=values)

    def _get(self, what: str) -> Any:  # noqa: ANN401 - any JSON
        return _ask(f"{self.session}/{what}", None, method="GET")

    def _post(self, what: str, **values: object) -> Any:  # noqa: ANN401 - any JSON
        return _ask(f"{self.session}/{what}", values, method="POST")


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start a browser that keeps its profile in `folder`; skip where there is none."""
    chromium, driver = (
        _found("chromium", "chromium-browser", "google-chrome"),
        _found("chromedriver"),
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(  # noqa: S603 - found on the PATH
        [driver, f"--port={port}", "--silent"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            root = f"http://127.0.0.1:{port}"
            _wait(root)
            started = Browser(f"{root}/session/{_session(root, chromium, folder)}")
            try:
                yield started
            finally:
                started.close()
        finally:
            process.terminate()


def _found(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip(f"no {names[0]} on the PATH: the archive is not driven in a browser here")


def _session(root: str, chromium: str, folder: Path) -> str:
    arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--no-first-run",
        f"--user-data-dir={folder / 'profile'}",
    ]
    wanted = {
        "browserName": "chrome",
        "goog:chromeOptions": {"binary": chromium, "args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
    }
    made = _ask(f"{root}/session", {"capabilities": {"alwaysMatch": wanted}}, method="POST")
    return str(made["sessionId"])


def _wait(root: str) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        try:
            if _ask(f"{root}/status", None, method="GET")["ready"]:
                return
        except OSError:
            time.sleep(0.1)  # the driver says nowhere else that it is ready
    pytest.skip("chromedriver does not start here")


def _ask(url: str, values: object, *, method: str) -> Any:  # noqa: ANN401 - any JSON
    body = None if values is None else json.dumps(values).encode()
    asked = urllib.request.Request(url, data=body, method=method)  # noqa: S310 - loopback
    # Ignore proxies from the environment: the driver is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(asked, timeout=60) as answer:
        return json.load(answer)["value"]
