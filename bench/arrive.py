"""Everybody in one second: joining, the socket, the first place; and whole pages. Until the last is served.

Open loop: latency counts from the moment a person meant to come. The peer, in turns, is an application that does
nothing, on one process of the same server. PEOPLE and PAGES say how many come (10,000 and 2,000), ROUNDS how
often (5).
"""

import asyncio
import gc
import os
import time
from collections import Counter
from typing import Any

import brotli
import uvloop

from bench import served
from bench.clients import at_times
from bench.report import BenchmarkFailed, Report, median, percentile, spread
from bench.stack import Stack
from crowd.http import Http, NoAnswer
from crowd.limits import source_address
from crowd.websocket import NotOpened, WebSocket, open_websocket

PEOPLE, PAGES, ROUNDS = 10_000, 2_000, 5
TARGET_SECONDS = {"people": 6, "pages": 4}
PAGE_HEADERS = {"accept": "text/html", "accept-encoding": "br"}


def measure(stack: Stack) -> Report:
    """All of them, in turns."""
    people, pages = _number("PEOPLE", PEOPLE), _number("PAGES", PAGES)
    counts = {"people": people, "no-op": people, "pages": pages}
    rounds = _number("ROUNDS", ROUNDS)
    taken: dict[str, list[Arrivals]] = {kind: [] for kind in counts}
    gc.set_threshold(50_000, 20, 50)
    for number in range(rounds):
        for kind, count in counts.items():
            taken[kind].append(_at_noop(count) if kind == "no-op" else _at_sale(stack, kind, count, number))
    figures: dict[str, Any] = {"benchmark": "arrive", "rounds": rounds}
    lines = [f"{'':<8}{'at once':>9}{'p50 s':>8}{'p99 s':>8}{'last s':>8}{'spread':>8}{'target':>8}  failed"]
    ok = True
    for kind, runs in taken.items():
        p50, p99, last = ([percentile(one.seconds, p) for one in runs] for p in (50, 99, 100))
        failed = sum((one.failed for one in runs), Counter[str]())
        ok &= not failed
        figures[kind] = {
            "at_once": counts[kind],
            "p50_s": round(median(p50), 3),
            "p99_s": round(median(p99), 3),
            "last_s": round(median(last), 3),
            "spread": spread(last),
            "target_s": TARGET_SECONDS.get(kind),
            "failed": failed,
        }
        lines.append(
            f"{kind:<8}{counts[kind]:>9,}{median(p50):>8.2f}{median(p99):>8.2f}{median(last):>8.2f}{spread(last):>8}"
            f"{TARGET_SECONDS.get(kind, '-'):>8}  {dict(failed) or 'none'}"
        )
    return Report(ok, figures, "\n".join(lines))


def _at_sale(stack: Stack, kind: str, count: int, number: int) -> "Arrivals":
    name = f"arrive-{os.getpid()}-{int(time.time())}-{number}"
    made = stack.command(
        "event", "create", f"--slug={name}", "--name=Arrive", "--sku=Floor:4500:100", "--opens-in=3600"
    )
    return _arrived(Arrivals(str(stack.run["web"]), str(made["slug"]), with_page=kind == "pages"), count)


def _at_noop(count: int) -> "Arrivals":
    with served.noop() as peer:
        return _arrived(Arrivals(peer.url, "none", with_page=False), count)


def _arrived(arrivals: "Arrivals", count: int) -> "Arrivals":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(arrivals.run(count))
    return arrivals


def _number(name: str, usual: int) -> int:
    text = os.environ.get(name) or str(usual)
    if not text.isdigit() or not int(text):
        raise BenchmarkFailed(f"{name} must be a whole number, not {text!r}")
    return int(text)


class Arrivals:
    """People who come to one sale within a second."""

    def __init__(self, web: str, slug: str, *, with_page: bool) -> None:
        self._web = web
        self._slug = slug
        self._with_page = with_page
        self.seconds: list[float] = []
        self.failed: Counter[str] = Counter()
        self._sockets: list[WebSocket] = []

    async def run(self, count: int) -> None:
        """All of them; their sockets stay open until the last has a place."""
        began = asyncio.get_running_loop().time() + 0.5
        await at_times([began + n / count for n in range(count)], self._arrive)
        for socket in self._sockets:
            socket.close()
        await asyncio.sleep(1)

    async def _arrive(self, number: int, meant_at: float) -> None:
        address = source_address(self._web, number)
        http = Http(address)
        try:
            if self._with_page:
                await self._load(http)
            answer = await http.ask("POST", f"{self._web}/api/v1/events/{self._slug}/queue", {})
            if answer.status != 200:
                self.failed[f"join {answer.status}"] += 1
                return
            token = answer.body.split(b'"token":"', 1)[1].split(b'"', 1)[0].decode()
            http.close()
            await self._listen(token, address)
        except (NoAnswer, NotOpened, TimeoutError) as error:
            self.failed[type(error).__name__] += 1
        else:
            self.seconds.append(asyncio.get_running_loop().time() - meant_at)
        finally:
            http.close()

    async def _load(self, http: Http) -> None:
        page = await http.ask("GET", f"{self._web}/events/{self._slug}", PAGE_HEADERS)
        if page.status != 200:
            raise NoAnswer(f"the page: {page.status}")
        html = brotli.decompress(page.body).decode()
        style = html.split('rel="stylesheet" href="', 1)[1].split('"', 1)[0]
        await http.ask("GET", self._web + style, PAGE_HEADERS)

    async def _listen(self, token: str, address: str | None) -> None:
        told: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def hear(frame: bytes) -> None:
            if not told.done():
                told.set_result(frame)

        def end(code: int) -> None:
            if not told.done():
                told.set_exception(NotOpened(f"closed with {code}"))

        url = f"{self._web.replace('http', 'ws')}/ws/events/{self._slug}"
        self._sockets.append(await open_websocket(url, token, address, hear, end))
        async with asyncio.timeout(30):
            await told
