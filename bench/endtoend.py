"""Buyers over HTTP and websockets, all the way to CONFIRMED: orders a second, and who used the CPU.

Always so many buyers are on their way at once; each joins, opens a websocket, is called, orders, is told to pay,
pays on the sandbox's page, and is told that the tickets are theirs. As in a browser, every buyer has connections
of their own. Afterwards `ticketcraze verify --at-rest` must find everything in order.
"""

import asyncio
import gc
import os
import time
from collections import Counter
from collections.abc import Sequence
from itertools import count

import uvloop

from bench.report import BenchmarkFailed, Report, percentile
from bench.stack import MACHINE, Stack
from crowd.browser import Gone, Told, visit
from crowd.buyer import buy
from crowd.limits import source_address

AT_ONCE = 200
WARM_UP_SECONDS = 20.0  # until Java has compiled what Kafka does most: three times the CPU an order before
MEASURED_SECONDS = 30.0
BUYER_SECONDS = 60
AT_REST_SECONDS = 30
TARGET_PER_SECOND = 300
SKUS = 5
CAPACITY = 200_000  # of each, so that it never sells out


def measure(stack: Stack) -> Report:
    """Runs the load against a stack and says what it took. Raises BenchmarkFailed."""
    if "web" not in stack.run:
        raise BenchmarkFailed("only servers run there; this takes `python -m stack run`")
    slug = f"bench-{os.getpid()}-{int(time.time())}"
    skus = [f"--sku=Block {number}:{4_500 + 1_000 * number}:{CAPACITY}" for number in range(SKUS)]
    limits = ("--opens-in=0", "--rate=1000000", "--room=100000", "--max-per-buyer=4", "--hold-ttl=600")
    stack.command("event", "create", f"--slug={slug}", "--name=Benchmark", *skus, *limits)
    load = Load(stack, slug)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(load.run())
        except Gone as gone:
            raise BenchmarkFailed(f"the event's page: {gone.how}") from gone
    verdict = stack.command("verify", slug, f"--at-rest={AT_REST_SECONDS}")
    wrong = [f"{check['number']}. {check['detail']}" for check in verdict["checks"] if not check["ok"]]
    return _report(stack, load, wrong)


class Load:
    """Buyers, one after the other, and how it went."""

    def __init__(self, stack: Stack, slug: str) -> None:
        self._stack = stack
        self._slug = slug
        self._numbers = count()
        self._ended = False
        self.ends: Counter[str] = Counter()  # how it ended for each buyer, warm-up and end included
        self.confirmed = 0  # within the measured time, as all that follows
        self.seconds = 0.0
        self.cpu_seconds: dict[str, float] = {}
        self.order_to_pending_ms: list[float] = []
        self.payment_to_confirmed_ms: list[float] = []  # from the answer of the sandbox's page
        self.whole_way_ms: list[float] = []
        self._measuring = False

    async def run(self) -> None:
        """Warms up, measures, and lets everybody finish. Raises Gone when the event is not there."""
        shop = await visit(self._stack.run["web"], self._slug)
        # The load is to leave the cores to what is measured: collecting less often saves a tenth of it.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)

        async def one_after_the_other(first_after_seconds: float) -> None:
            await asyncio.sleep(first_after_seconds)
            while not self._ended:
                address = source_address(shop.url, next(self._numbers))
                outcome = await buy(shop, seconds=BUYER_SECONDS, source_address=address)
                self.ends[outcome.how] += 1
                if self._measuring and outcome.how == "confirmed":
                    self._note(outcome.order_id, outcome.told)

        spread_seconds = WARM_UP_SECONDS / 2 / AT_ONCE
        buyers = [asyncio.create_task(one_after_the_other(i * spread_seconds)) for i in range(AT_ONCE)]
        await asyncio.sleep(WARM_UP_SECONDS)
        before, began = self._stack.cpu_seconds(), time.monotonic()
        self._measuring = True
        await asyncio.sleep(MEASURED_SECONDS)
        self._measuring = False
        after, self.seconds = self._stack.cpu_seconds(), time.monotonic() - began
        self.cpu_seconds = {name: after[name] - used for name, used in before.items()}
        self._ended = True
        await asyncio.gather(*buyers)

    def _note(self, order_id: str, told: Sequence[Told]) -> None:
        self.confirmed += 1
        ordered = next(one.at for one in told if one.status == 202)
        paid = next(one.at for one in reversed(told) if one.how.startswith("POST"))
        frames = {one.body["status"]: one.at for one in reversed(told) if _is_about(one, order_id)}
        # A frame can overtake the answer to the request that led to it: that is no time at all.
        self.order_to_pending_ms.append(max(frames.get("PENDING", ordered) - ordered, 0) * 1000)
        self.payment_to_confirmed_ms.append(max(frames["CONFIRMED"] - paid, 0) * 1000)
        self.whole_way_ms.append((told[-1].at - told[0].at) * 1000)


def _is_about(told: Told, order_id: str) -> bool:
    return told.how == "frame" and told.body.get("order_id") == order_id


def _report(stack: Stack, load: Load, wrong: list[str]) -> Report:
    if not load.confirmed:
        raise BenchmarkFailed(f"nothing was confirmed: {dict(load.ends)}")
    per_second = load.confirmed / load.seconds
    cores = {name: used / load.seconds for name, used in load.cpu_seconds.items()}
    machine = cores.pop(MACHINE)
    elsewhere = max(machine - sum(cores.values()), 0.0)
    cores = dict(sorted(cores.items(), key=lambda item: -item[1])) | {"all": sum(cores.values())}
    times_ms = {
        "order to PENDING": load.order_to_pending_ms,
        "payment to CONFIRMED": load.payment_to_confirmed_ms,
        "the whole way": load.whole_way_ms,
    }
    mishaps = {how: number for how, number in load.ends.items() if how != "confirmed"}
    figures = {
        "benchmark": "endtoend",
        "confirmed_per_second": round(per_second, 1),
        "target_per_second": TARGET_PER_SECOND,
        "confirmed": load.confirmed,
        "seconds": round(load.seconds, 1),
        "buyers_at_once": AT_ONCE,
        "cpu_us_per_order": {name: round(used / per_second * 1e6) for name, used in cores.items()},
        "cores": os.cpu_count(),
        "cores_used": round(cores["all"], 2),
        "cores_used_elsewhere": round(elsewhere, 2),
        "ms": {
            name: {"p50": round(percentile(ms, 50), 1), "p99": round(percentile(ms, 99), 1)}
            for name, ms in times_ms.items()
        },
        "mishaps": mishaps,
        "wrong": wrong,
        "versions": stack.versions,
    }
    lines = [
        f"{per_second:.0f} confirmed orders/s (target {TARGET_PER_SECOND}) for {load.seconds:.0f} s,"
        f" {AT_ONCE} buyers at once",
        "",
        f"{'process':<12}{'CPU µs an order':>18}{'of a core':>12}",
        *(f"{name:<12}{used / per_second * 1e6:>18.0f}{used:>12.0%}" for name, used in cores.items()),
        f"{'elsewhere':<12}{'':>18}{elsewhere:>12.0%}",
        f"{os.cpu_count()} cores; elsewhere: the kernel, and whatever else runs on this machine",
        "",
        f"{'ms':<24}{'p50':>8}{'p99':>8}",
        *(f"{name:<24}{percentile(ms, 50):>8.0f}{percentile(ms, 99):>8.0f}" for name, ms in times_ms.items()),
        "",
        f"mishaps: {mishaps or 'none'}",
        f"verify --at-rest: {'; '.join(wrong) or 'all in order'}",
        stack.versions,
    ]
    return Report(not wrong and not mishaps, figures, "\n".join(lines))
