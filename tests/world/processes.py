"""Processes of the application that a test starts itself."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from redis import Redis

from app.infra.keys import PROCESSES
from app.units import now_ms
from app.watch.pressure import Reason
from app.watch.processes import Load, Report
from tests.world.machine import ROOT
from tests.world.stack import Stack, answers
from tests.world.waiting import until

START_SECONDS = 30.0
STOP_SECONDS = 20.0


class Process:
    """One process, by the name of its module; `code` is where its code is."""

    def __init__(self, module: str, env: dict[str, str], code: Path = ROOT) -> None:
        self._module = module
        self._running = subprocess.Popen(
            [sys.executable, "-m", module], cwd=code, env={**os.environ, **env, "PYTHONPATH": str(code)}
        )

    @property
    def pid(self) -> int:
        return self._running.pid

    def until_it_answers(self, url: str) -> None:
        """Waits for a good answer."""

        def is_up() -> bool:
            assert self.runs(), f"{self._module} ended"
            return answers(url)

        until(is_up, START_SECONDS, f"an answer of {self._module}")

    def runs(self) -> bool:
        return self._running.poll() is None

    def kill(self) -> None:
        """The way a power cut does."""
        self._running.kill()
        self._running.wait(STOP_SECONDS)

    def stop(self) -> None:
        self._running.send_signal(signal.SIGTERM)
        self._running.wait(STOP_SECONDS)


@contextmanager
def pressed(stack: Stack, *reasons: Reason) -> Iterator[None]:
    """A web process on another host reports that this is too much for it, once; it counts for ten seconds."""
    field = "web:night-2-0a0a0a0a"
    load = Load(reasons, is_shut=True, pace=0.25)
    report = Report("web", 7, now_ms(), 10, 0, sockets=12_345, instance="night-2-0a0a0a0a", load=load)
    with Redis.from_url(stack.env["REDIS_URL"]) as redis:
        redis.hset(PROCESSES, field, msgspec.json.encode(report))
        yield
        redis.hdel(PROCESSES, field)


@contextmanager
def processes(env: dict[str, str], *modules: str, code: Path = ROOT) -> Iterator[None]:
    """These processes, for as long as the block lasts: none may die meanwhile."""
    running = {module: Process(module, env, code) for module in modules}
    try:
        if web := running.get("app.main"):
            web.until_it_answers(f"{env['PUBLIC_URL']}/readyz")
        yield
        assert [module for module, process in running.items() if not process.runs()] == [], "they died"
    finally:
        for process in running.values():
            process.stop()
