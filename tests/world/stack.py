"""The running stack: where it is, its commands and its processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.world.machine import ROOT, free_port
from tests.world.waiting import until

START_SECONDS = 240.0
STOP_SECONDS = 60.0
RESTART_SECONDS = 40.0
QUIET = {"CROWD": "0", "JOIN_LIMIT": "0"}


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
    def web_processes(self) -> list[int]:
        """The process ids of those that serve; `processes.web` is the one that keeps them."""
        pids: list[int] = self.run["web_processes"]
        return pids

    @property
    def web(self) -> str:
        """The address of the web application."""
        return str(self.run["web"])


@contextmanager
def started(folder: Path, **settings: str) -> Iterator[Stack]:
    """A whole stack without a crowd in an emptied folder, for as long as the block lasts.

    Tests come from one address, so joins are not limited by it unless a test says so.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    output = folder / "output.log"
    with output.open("w") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "stack", "run"],
            cwd=ROOT,
            env={
                **os.environ,
                "STACK_DIR": str(folder),
                "PORT": str(free_port()),
                "CROWD": "0",
                "JOIN_LIMIT": "0",
                "WEB_PROCESSES": "2",
                **settings,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def is_ready() -> bool:
        assert running.poll() is None, f"the stack did not start:\n{output.read_text()[-3000:]}"
        return (folder / "run.json").exists()

    try:
        until(is_ready, START_SECONDS, "the start of the stack")
        yield Stack(folder)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(STOP_SECONDS)


def kill(stack: Stack, *names: str) -> dict[str, int]:
    """Ends processes the way a power cut does: the process ids they had."""
    killed = {name: stack.run["processes"][name] for name in names}
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    return killed


def until_back(stack: Stack, killed: dict[str, int]) -> None:
    """Waits until what was killed runs again and everything answers."""

    def back() -> bool:
        now = stack.run["processes"]
        if any(now.get(name) in (None, pid) for name, pid in killed.items()):
            return False
        return answers(f"{stack.web}/readyz")

    until(back, RESTART_SECONDS, f"the return of {', '.join(killed)}")


def answers(url: str) -> bool:
    """Whether there is an answer that is good."""
    try:
        return httpx.get(url, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
