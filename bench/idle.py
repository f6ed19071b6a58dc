"""What waiting costs: memory and CPU of sockets that only wait; and with a tenth of them who never read.

SOCKETS says how many (10,000). A pause of the sale is told to all of them: how much later than the first hear it
the others who read?
"""

import asyncio
import gc
import os
import time
from pathlib import Path
from typing import Any

import uvloop

from bench.clients import at_times
from bench.report import BenchmarkFailed, Report, percentile
from bench.stack import Stack
from crowd.http import Http, NoAnswer
from crowd.limits import source_address
from crowd.websocket import NotOpened, WebSocket, open_websocket

SOCKETS = 10_000
OPENED_A_SECOND = 500
WATCHED_SECONDS = 20.0
PAUSES = 5  # tellings that everybody hears
TARGET_KIB = 26


def measure(stack: Stack) -> Report:
    """Memory and CPU of sockets that wait."""
    return _measure(stack, silent_share=0)


def measure_slow(stack: Stack) -> Report:
    """The same with one reader in ten who never reads, and how soon the others hear news."""
    return _measure(stack, silent_share=10)


def _measure(stack: Stack, silent_share: int) -> Report:
    count = int(os.environ.get("SOCKETS") or SOCKETS)
    slug = f"idle-{os.getpid()}-{int(time.time())}"
    stack.command(
        "event", "create", f"--slug={slug}", "--name=Idle", "--sku=Floor:4500:100", "--opens-in=0", "--rate=1",
        "--room=1",
    )  # fmt: skip
    gc.set_threshold(50_000, 20, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        waiting = Waiting(stack, slug, silent_share)
        runner.run(waiting.run(count))
    figures: dict[str, Any] = {
        "benchmark": "slow" if silent_share else "idle",
        "sockets": waiting.open,
        "kib_each": round(waiting.kib_each, 1),
        "core_share": round(waiting.core_share, 3),
        "told_p50_s": round(percentile(waiting.told_seconds, 50), 3),
        "told_p99_s": round(percentile(waiting.told_seconds, 99), 3),
    }
    lines = [
        f"{waiting.open:,} sockets{f', every {silent_share}th never reads' if silent_share else ''}",
        f"memory        {waiting.kib_each:.1f} KiB each (target {TARGET_KIB})",
        f"waiting       {waiting.core_share:.1%} of a core",
        f"a pause is heard {percentile(waiting.told_seconds, 50):.2f} s (p50) and"
        f" {percentile(waiting.told_seconds, 99):.2f} s (p99) after the first who hears it",
    ]
    return Report(waiting.open == count, figures, "\n".join(lines))


class Waiting:
    """Buyers of one sale who wait."""

    def __init__(self, stack: Stack, slug: str, silent_share: int) -> None:
        self._stack = stack
        self._web = str(stack.run["web"])
        self._slug = slug
        self._silent_share = silent_share
        self._sockets: list[WebSocket] = []
        self._first_at = 0.0  # when somebody heard the present news first
        self._hearing = False
        self.told_seconds: list[float] = []
        self.kib_each = self.core_share = 0.0

    @property
    def open(self) -> int:
        """How many are open."""
        return len(self._sockets)

    async def run(self, count: int) -> None:
        """Opens them, lets them wait, and tells them something."""
        loop = asyncio.get_running_loop()
        before_kib = self._kib()
        began = loop.time()
        await at_times([began + n / OPENED_A_SECOND for n in range(count)], self._come)
        if not self._sockets:
            raise BenchmarkFailed("no socket was opened")
        await asyncio.sleep(2)
        self.kib_each = (self._kib() - before_kib) / len(self._sockets)
        used, at = self._stack.cpu_us("web"), loop.time()
        await asyncio.sleep(WATCHED_SECONDS)
        self.core_share = (self._stack.cpu_us("web") - used) / 1e6 / (loop.time() - at)
        self._hearing = True
        for _ in range(PAUSES):
            for act in ("pause", "open"):
                self._first_at = 0.0
                await asyncio.to_thread(self._stack.command, "event", act, self._slug)
                await asyncio.sleep(3)
        for socket in self._sockets:
            socket.close()

    async def _come(self, number: int, meant_at: float) -> None:
        address = source_address(self._web, number)
        http = Http(address)
        url = f"{self._web.replace('http', 'ws')}/ws/events/{self._slug}"
        try:
            answer = await http.ask("POST", f"{self._web}/api/v1/events/{self._slug}/queue", {})
            token = answer.body.split(b'"token":"', 1)[1].split(b'"', 1)[0].decode()
            socket = await open_websocket(url, token, address, self._hear, lambda code: None)
        except (NoAnswer, NotOpened, IndexError):
            return
        finally:
            http.close()
        if self._silent_share and number % self._silent_share == 0:
            socket.pause_reading(3_600)
        self._sockets.append(socket)

    def _hear(self, frame: bytes) -> None:
        if self._hearing and b'"type":"stock"' in frame[:40]:
            now = asyncio.get_running_loop().time()
            self._first_at = self._first_at or now
            self.told_seconds.append(now - self._first_at)

    def _kib(self) -> int:
        statuses = [Path(f"/proc/{pid}/status").read_text() for pid in self._stack.run["web_processes"]]
        return sum(int(status.split("VmRSS:")[1].split()[0]) for status in statuses)
