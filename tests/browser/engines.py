"""Firefox and WebKit by the protocols they speak themselves, for as little as the tests ask of them.

Firefox speaks WebDriver BiDi on a websocket, WebKitGTK's driver WebDriver over HTTP; neither needs a library.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import glob
from pathlib import Path
from typing import Any, Protocol

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.world.machine import free_port
from tests.world.waiting import until

START_SECONDS = 60.0
MINI_BROWSERS = "/usr/lib/*/webkit2gtk-4.*/MiniBrowser"


class Engine(Protocol):
    """A browser with one window."""

    def go(self, url: str) -> None:
        """Opens an address."""

    def run(self, script: str) -> Any:
        """What an expression of JavaScript says on the page."""


class Firefox:
    """Firefox, by WebDriver BiDi."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._asked = 0
        self._ask("session.new", capabilities={})
        self._context = self._ask("browsingContext.getTree")["contexts"][0]["context"]

    def _ask(self, method: str, **params: Any) -> Any:
        self._asked += 1
        self._socket.send(json.dumps({"id": self._asked, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=START_SECONDS))
            if answer.get("id") == self._asked:
                assert answer["type"] == "success", answer
                return answer["result"]

    def go(self, url: str) -> None:
        self._ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def run(self, script: str) -> Any:
        asked = f"JSON.stringify({script} ?? null)"
        target = {"context": self._context}
        answer = self._ask("script.evaluate", expression=asked, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])


class WebKit:
    """WebKitGTK, by WebDriver."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        browser = {"binary": glob(MINI_BROWSERS)[-1], "args": ["--automation"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": browser}}
        self._session = self._ask("/session", {"capabilities": wanted})["sessionId"]

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(path, json=body)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()["value"]

    def go(self, url: str) -> None:
        self._ask(f"/session/{self._session}/url", {"url": url})

    def run(self, script: str) -> Any:
        return self._ask(f"/session/{self._session}/execute/sync", {"script": f"return {script}", "args": []})


@contextmanager
def _running(command: list[str], env: dict[str, str] | None = None) -> Iterator[None]:
    process = subprocess.Popen(
        command, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()


@contextmanager
def firefox() -> Iterator[Engine]:
    """A Firefox with a profile of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "firefox-esr",
            "--headless",
            "--no-remote",
            "--profile",
            folder,
            f"--remote-debugging-port={port}",
            "about:blank",
        ]

        def open_socket() -> ClientConnection | None:
            with suppress(OSError, WebSocketException):
                return connect(f"ws://127.0.0.1:{port}/session", max_size=None, proxy=None)
            return None

        with _running(command, {"HOME": folder}):
            socket = until(open_socket, START_SECONDS)
            with socket:
                yield Firefox(socket)


@contextmanager
def webkit() -> Iterator[Engine]:
    """A WebKit on a screen that nobody sees."""
    port = free_port()
    display = f":{100 + port % 800}"
    env = {"DISPLAY": display, "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1", "LIBGL_ALWAYS_SOFTWARE": "1"}
    with (
        _running([str(shutil.which("Xvfb")), display, "-screen", "0", "1280x900x24"]),
        _running([str(shutil.which("WebKitWebDriver")), f"--port={port}"], env),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_SECONDS, trust_env=False) as http,
    ):

        def is_up() -> bool:
            with suppress(httpx.HTTPError):
                return Path(f"/tmp/.X11-unix/X{display[1:]}").exists() and http.get("/status").is_success  # noqa: S108
            return False

        until(is_up, START_SECONDS)
        yield WebKit(http)
