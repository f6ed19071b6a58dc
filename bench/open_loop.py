"""A ladder of whole buyers, open loop: so many come each second, whatever becomes of those before them.

The highest rate that holds is the last one at which 99 of 100 have their ticket within two seconds of meaning to
come. Twice that rate shows what too much does. RUNGS are the rates, SECONDS how long each lasts.
"""

import asyncio
import gc
import os
import time
from collections import Counter
from typing import Any

import uvloop

from bench.clients import at_times
from bench.report import Report, percentile
from bench.stack import Stack
from crowd.browser import Gone, Shop, visit
from crowd.buyer import buy
from crowd.limits import source_address

RUNGS = (50, 100, 150, 200, 250, 300, 350, 400)
RUNG_SECONDS = 15.0
WARM_UP = (50, 10.0)
MOST_SECONDS = 2.0  # of the whole way, for 99 of 100
BUYER_SECONDS = 50.0
CAPACITY = 200_000


def measure(stack: Stack) -> Report:
    """Climbs until it no longer holds, and once to twice the last rate that did."""
    rungs = [int(rate) for rate in os.environ.get("RUNGS", "").split(",") if rate] or list(RUNGS)
    seconds = float(os.environ.get("SECONDS") or RUNG_SECONDS)
    slug = f"open-{os.getpid()}-{int(time.time())}"
    limits = ("--opens-in=0", "--rate=1000000", "--room=100000", "--max-per-buyer=4", "--hold-ttl=600")
    stack.command("event", "create", f"--slug={slug}", "--name=Open", f"--sku=Floor:4500:{CAPACITY}", *limits)
    gc.set_threshold(50_000, 20, 50)
    climbed: list[dict[str, Any]] = []
    holds = 0
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        shop = runner.run(visit(stack.run["web"], slug))
        runner.run(_rung(shop, *WARM_UP))
        for rate in rungs:
            climbed.append(runner.run(_rung(shop, rate, seconds)))
            if climbed[-1]["p99_s"] > MOST_SECONDS or climbed[-1]["mishaps"]:
                break
            holds = rate
        beyond = runner.run(_rung(shop, 2 * (holds or rungs[0]), seconds))
    best = max(rung["confirmed_per_second"] for rung in climbed)
    verdict = stack.command("verify", slug, "--at-rest=60")
    lines = [f"{'buyers/s':>9}{'p50 s':>8}{'p99 s':>8}{'confirmed/s':>13}  mishaps"]
    lines += [
        f"{rung['rate']:>9}{rung['p50_s']:>8.2f}{rung['p99_s']:>8.2f}{rung['confirmed_per_second']:>13.0f}"
        f"  {rung['mishaps'] or 'none'}"
        for rung in (*climbed, beyond)
    ]
    kept = beyond["confirmed_per_second"] / best if best else 0.0
    lines += [
        f"holds at {holds} buyers a second; at twice that {kept:.0%} of the best rate is still confirmed",
        f"verify: {'all in order' if verdict['ok'] else 'NOT in order'}",
    ]
    figures = {"benchmark": "open", "holds_at": holds, "rungs": climbed, "beyond": beyond, "kept": round(kept, 2)}
    return Report(bool(verdict["ok"]), figures, "\n".join(lines))


async def _rung(shop: Shop, rate: int, seconds: float) -> dict[str, Any]:
    took: list[float] = []
    mishaps: Counter[str] = Counter()
    ended: list[float] = []
    loop = asyncio.get_running_loop()

    async def come(number: int, meant_at: float) -> None:
        try:
            outcome = await buy(shop, seconds=BUYER_SECONDS, source_address=source_address(shop.url, number))
        except Gone as gone:
            mishaps[gone.how] += 1
            return
        if outcome.how == "confirmed":
            took.append(loop.time() - meant_at)
            ended.append(loop.time())
        else:
            mishaps[outcome.how] += 1

    began = loop.time() + 0.2
    await at_times([began + number / rate for number in range(int(rate * seconds))], come)
    within = sum(at <= began + seconds for at in ended)
    return {
        "rate": rate,
        "p50_s": round(percentile(took, 50), 3),
        "p99_s": round(percentile(took, 99), 3),
        "confirmed_per_second": round(within / seconds, 1),
        "mishaps": dict(mishaps),
    }
