"""The real thing for all tests: one stack of servers, web and workers, as `make run` starts it.

TEST_STACK names the folder of a stack that runs already, for those who run one test again and again.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
START_SECONDS = 240


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    folder: Path

    @property
    def run(self) -> dict[str, Any]:
        """run.json as it is now."""
        read: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return read

    @property
    def env(self) -> dict[str, str]:
        """The environment of its processes."""
        env: dict[str, str] = self.run["env"]
        return env

    @property
    def web(self) -> str:
        """The address of the web application."""
        return str(self.run["web"])


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Redis, MySQL, Kafka, the web application, the sandbox and all workers."""
    if folder := os.environ.get("TEST_STACK"):
        yield Stack(Path(folder))
        return
    path = ROOT / ".stack" / "test"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    output = path / "output.log"
    with output.open("w") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "stack", "run"],
            cwd=ROOT,
            env={**os.environ, "STACK_DIR": str(path), "PORT": str(free_port()), "CROWD": "0"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (path / "run.json").exists():
            assert running.poll() is None, f"the stack did not start:\n{output.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"the stack is not ready:\n{output.read_text()[-3000:]}"
            time.sleep(0.2)
        yield Stack(path)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)


@pytest.fixture(scope="session")
def env(stack: Stack) -> dict[str, str]:
    """The environment of the stack's processes."""
    return stack.env
