"""What each thing that happens ten thousand times costs the web processes, in µs of their CPU.

Beside it, as its peer in the same run, an answer of a no-op application on the same server: what is more than that
is ours.
"""

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import brotli
import uvloop

from bench import served
from bench.clients import Answer, ask_all, request
from bench.report import BenchmarkFailed, Report, median, spread
from bench.stack import Stack
from crowd.websocket import open_websocket

ROUNDS = 5
ASKED = 3_000  # requests a round and kind; 32 at once
SOCKETS = 1_000
TARGETS_US = {"join": 150, "poll": 90, "socket": 350, "sold_out": 90, "static": 100}
STRANGER = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-site": "none"}


def measure(stack: Stack) -> Report:
    """All of them."""
    return _measure(stack, ("static", "stranger", "join", "poll", "sold_out", "socket"))


def measure_poll(stack: Stack) -> Report:
    """Polling alone."""
    return _measure(stack, ("poll",))


def measure_sold_out(stack: Stack) -> Report:
    """The answer that there is nothing left."""
    return _measure(stack, ("sold_out",))


def _measure(stack: Stack, kinds: tuple[str, ...]) -> Report:
    rounds = int(os.environ.get("ROUNDS", ROUNDS))
    with served.noop() as peer, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        costs = Costs(stack)
        runner.run(costs.prepare())
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        taken: dict[str, list[float]] = {kind: [] for kind in ("noop", *kinds)}
        for _ in range(rounds):
            for kind in kinds:
                taken[kind].append(runner.run(costs.take(kind)))
                taken["noop"].append(runner.run(peer_cost(peer)))
    figures = {
        kind: {"us": round(median(us), 1), "spread": spread(us), "target_us": TARGETS_US.get(kind)}
        for kind, us in taken.items()
    }
    lines = [f"{'':<12}{'web CPU, µs':>12}{'spread':>10}{'target':>10}"]
    for kind, us in taken.items():
        lines.append(f"{kind:<12}{median(us):>12.0f}{spread(us):>10}{TARGETS_US.get(kind, '-'):>10}")
    return Report(True, {"benchmark": "costs", "rounds": rounds, "costs": figures}, "\n".join(lines))


async def peer_cost(peer: served.Served) -> float:
    """µs of a no-op answer."""
    ask = request("GET", peer.url)
    return await _per_call(lambda: peer.cpu_us, ASKED, lambda: ask_all(peer.url, [ask] * ASKED))


async def _per_call(cpu_us: Callable[[], float], calls: int, act: Callable[[], Awaitable[Any]]) -> float:
    before = cpu_us()
    await act()
    return (cpu_us() - before) / calls


class Costs:
    """A sale to ask about, and buyers who wait in it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._web = str(stack.run["web"])
        name = f"costs-{os.getpid()}-{int(time.time())}"
        options = ("--opens-in=0", "--rate=1", "--room=100000")
        self._slug = stack.command(
            "event", "create", f"--slug={name}", "--name=Costs", "--sku=Floor:4500:1000", *options
        )["slug"]
        self._queue = f"{self._web}/api/v1/events/{self._slug}/queue"
        self._tokens: list[str] = []
        self._gone = ""
        self._sku = 0
        self._static = ""

    async def prepare(self) -> None:
        """Has buyers join, finds a static file, and buys a second sale out."""
        joined = await ask_all(self._queue, [request("POST", self._queue)] * ASKED)
        self._tokens = [answer.json["token"] for answer in _good(joined)]
        page = (await ask_all(self._web, [request("GET", f"{self._web}/events/{self._slug}", STRANGER)]))[0]
        html = brotli.decompress(page.body).decode()
        self._static = self._web + html.split('rel="stylesheet" href="', 1)[1].split('"', 1)[0]
        made = self._stack.command(
            "event", "create", f"--slug={self._slug}-gone", "--name=Gone", "--sku=Floor:4500:1", "--opens-in=0",
            "--rate=100000",
        )  # fmt: skip
        self._gone, self._sku = made["slug"], made["skus"][0]["id"]
        queue = f"{self._web}/api/v1/events/{self._gone}/queue"
        first = (await ask_all(queue, [request("POST", queue)]))[0].json["token"]
        for _ in range(100):
            answer = (await ask_all(self._web, [self._order(first, "first")]))[0]
            if answer.status == 202:
                return
            await asyncio.sleep(0.1)
        raise BenchmarkFailed(f"the only ticket cannot be had: {answer.body!r}")

    def _order(self, token: str, key: str) -> bytes:
        body = b'{"items":[{"sku_id":%d,"quantity":1}]}' % self._sku
        headers = {"authorization": f"Bearer {token}", "idempotency-key": key, "content-type": "application/json"}
        return request("POST", f"{self._web}/api/v1/events/{self._gone}/orders", headers, body)

    async def take(self, kind: str) -> float:
        """µs of web CPU of one of this kind."""
        if kind == "socket":
            return await _per_call(lambda: self._stack.cpu_us("web"), SOCKETS, self._open_sockets)
        expected = {"sold_out": 410}.get(kind, 200)
        kinds: dict[str, Callable[[int], bytes]] = {
            "static": lambda n: request("GET", self._static),
            "stranger": lambda n: request("GET", f"{self._web}/events/{self._slug}", STRANGER),
            "join": lambda n: request("POST", self._queue, {"idempotency-key": f"key-{n}-{time.time()}"}),
            "poll": lambda n: request("GET", self._queue, {"cookie": f"tc_buyer={self._tokens[n]}"}),
            "sold_out": lambda n: self._order(self._tokens[n], f"key-{n}"),
        }
        requests = [kinds[kind](number) for number in range(ASKED)]

        async def ask() -> None:
            _good(await ask_all(self._web, requests), expected)

        return await _per_call(lambda: self._stack.cpu_us("web"), ASKED, ask)

    async def _open_sockets(self) -> None:
        """Opens them, a few at once, and hears the first place; all are open until the last one is."""
        url = f"{self._web.replace('http', 'ws')}/ws/events/{self._slug}"
        numbers, opened = iter(range(SOCKETS)), []

        async def one_after_the_other() -> None:
            for number in numbers:
                told: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
                opened.append(
                    await open_websocket(
                        url,
                        self._tokens[number],
                        f"127.0.0.{number % 100 + 2}",
                        lambda frame, told=told: None if told.done() else told.set_result(frame),  # type: ignore[misc]
                        lambda code: None,
                    )
                )
                await told

        await asyncio.gather(*(one_after_the_other() for _ in range(32)))
        for socket in opened:
            socket.close()
        await asyncio.sleep(0.3)


def _good(answers: list[Answer], expected: int = 200) -> list[Answer]:
    for answer in answers:
        if answer.status != expected:
            raise BenchmarkFailed(f"{answer.status} instead of {expected}: {answer.body[:200]!r}")
    return answers
