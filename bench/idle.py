"""What waiting costs: memory and CPU of sockets that only wait, beside a bare server of websockets.

SOCKETS says how many (10,000), ROUNDS how often (5). A pause of the sale is told to all of them: how much later
than the first hear it the others who read?
"""

import asyncio
import gc
import os
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import uvloop

from bench import served
from bench.clients import at_times
from bench.report import BenchmarkFailed, Report, cpu_us_of, median, percentile, spread
from bench.stack import Stack
from crowd.http import Http, NoAnswer
from crowd.limits import source_address
from crowd.websocket import NotOpened, WebSocket, open_websocket

SOCKETS = 10_000
OPENED_A_SECOND = 1_000
WATCHED_SECONDS = 10.0
PAUSES = 5  # tellings that everybody hears
HEARD_WITHIN_SECONDS = 3.0
ROUNDS = 5
TARGET_KIB = 26
NEVER_READS = 10  # every tenth


def measure(stack: Stack) -> Report:
    """Memory and CPU of sockets that wait, and the memory of as many at a server that does nothing else."""
    return _measure(stack, "idle", ("ours", "websockets"))


def measure_slow(stack: Stack) -> Report:
    """The same with one in ten who never reads, in turns with none, and how soon the others hear news."""
    return _measure(stack, "slow", ("all read", "some never read"))


def _measure(stack: Stack, name: str, kinds: tuple[str, ...]) -> Report:
    count = int(os.environ.get("SOCKETS") or SOCKETS)
    rounds = int(os.environ.get("ROUNDS") or ROUNDS)
    gc.set_threshold(50_000, 20, 50)
    at_first_kib = _kib(stack.run["web_processes"])
    taken: dict[str, list[Waiting]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                if kind == "websockets":
                    with served.serving("bench.fanout", "broadcast") as peer:
                        waiting = Waiting([peer.pid], peer.url, _kib([peer.pid]))
                        runner.run(waiting.run(count))
                else:
                    silent_share = NEVER_READS if kind == "some never read" else 0
                    waiting = WaitingForTickets(stack, at_first_kib, silent_share, is_told=name == "slow")
                    runner.run(waiting.run(count))
            taken[kind].append(waiting)
    figures: dict[str, Any] = {"benchmark": name, "sockets": count, "rounds": rounds}
    lines = [f"{count:,} sockets{'KiB each':>17}{'':>8}{'of a core':>11}{'':>8}{'news p50, p99 s later':>24}"]
    for kind, turns in taken.items():
        kib, share = [one.kib_each for one in turns], [one.core_share for one in turns]
        told = [second for one in turns for second in one.told_seconds]
        p50, p99 = percentile(told, 50), percentile(told, 99)
        figures[kind] = {
            "kib_each": round(median(kib), 1),
            "kib_spread": spread(kib),
            "core_share": round(median(share), 3),
            "core_spread": spread(share),
            "told_p50_s": round(p50, 3),
            "told_p99_s": round(p99, 3),
        }
        news = f"{p50:.2f}, {p99:.2f}" if told else "-"
        lines.append(
            f"{kind:<16}{median(kib):>14.1f}{spread(kib):>8}{median(share):>11.1%}{spread(share):>8}{news:>24}"
        )
    lines.append(f"(to reach: {TARGET_KIB} KiB)")
    ok = all(one.open == count for turns in taken.values() for one in turns)
    return Report(ok, figures, "\n".join(lines))


def _kib(pids: Sequence[int]) -> int:
    return sum(int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) for pid in pids)


class Waiting:
    """People whose sockets wait at the processes `pids`, which had `at_first_kib` before anybody came."""

    def __init__(self, pids: Sequence[int], web: str, at_first_kib: int) -> None:
        self._pids = pids
        self._web = web
        self._at_first_kib = at_first_kib
        self._sockets: list[WebSocket] = []
        self.told_seconds: list[float] = []
        self.kib_each = self.core_share = 0.0

    @property
    def open(self) -> int:
        """How many are open."""
        return len(self._sockets)

    async def run(self, count: int) -> None:
        """Opens them, lets them wait, and tells them something."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await at_times([began + n / OPENED_A_SECOND for n in range(count)], self._come)
        if not self._sockets:
            raise BenchmarkFailed("no socket was opened")
        await asyncio.sleep(2)
        self.kib_each = (_kib(self._pids) - self._at_first_kib) / len(self._sockets)
        used, at = self._cpu_us(), loop.time()
        await asyncio.sleep(WATCHED_SECONDS)
        self.core_share = (self._cpu_us() - used) / 1e6 / (loop.time() - at)
        await self._tell()
        for socket in self._sockets:
            socket.close()
        await asyncio.sleep(1)

    def _cpu_us(self) -> float:
        return sum(cpu_us_of(pid) for pid in self._pids)

    async def _come(self, number: int, meant_at: float) -> None:
        with suppress(NoAnswer, NotOpened, IndexError):
            self._sockets.append(await self._open(number))

    async def _open(self, number: int) -> WebSocket:
        address = source_address(self._web, number)
        return await open_websocket(
            f"{self._web.replace('http', 'ws')}/", "t", address, lambda frame: None, lambda code: None
        )

    async def _tell(self) -> None:
        """There is nothing to tell."""


class WaitingForTickets(Waiting):
    """Buyers of one sale; every `silent_share`th never reads (0: all do). What `is_told` is when it pauses."""

    def __init__(self, stack: Stack, at_first_kib: int, silent_share: int, *, is_told: bool) -> None:
        super().__init__(stack.run["web_processes"], str(stack.run["web"]), at_first_kib)
        self._stack = stack
        self._silent_share = silent_share
        self._is_told = is_told
        self._slug = f"idle-{os.getpid()}-{time.time_ns()}"
        self._first_at = 0.0  # when somebody heard the present news first
        self._hearing = False
        stack.command(
            "event", "create", f"--slug={self._slug}", "--name=Idle", "--sku=Floor:4500:100", "--opens-in=0",
            "--rate=1", "--room=1",
        )  # fmt: skip

    async def _open(self, number: int) -> WebSocket:
        address = source_address(self._web, number)
        with closing(Http(address)) as http:
            answer = await http.ask("POST", f"{self._web}/api/v1/events/{self._slug}/queue", {})
        token = answer.body.split(b'"token":"', 1)[1].split(b'"', 1)[0].decode()
        url = f"{self._web.replace('http', 'ws')}/ws/events/{self._slug}"
        socket = await open_websocket(url, token, address, self._hear, lambda code: None)
        if self._silent_share and number % self._silent_share == 0:
            socket.pause_reading(3_600)
        return socket

    async def _tell(self) -> None:
        self._hearing = True
        for _ in range(PAUSES if self._is_told else 0):
            for act in ("pause", "open"):
                self._first_at = 0.0
                await asyncio.to_thread(self._stack.command, "event", act, self._slug)
                await asyncio.sleep(HEARD_WITHIN_SECONDS)
        self._hearing = False

    def _hear(self, frame: bytes) -> None:
        if self._hearing and b'"type":"stock"' in frame[:40]:
            now = asyncio.get_running_loop().time()
            self._first_at = self._first_at or now
            self.told_seconds.append(now - self._first_at)
