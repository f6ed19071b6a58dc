"""A ladder of whole buyers, open loop: so many come each second, whatever becomes of those before them.

The highest rate that holds is the last one at which 99 of 100 have their ticket within two seconds of meaning to
come. Afterwards that rate and twice as much take turns (ROUNDS, 5): what does too much do to those who come, and
to those who are let in? RUNGS are the rates of the ladder, SECONDS how long each lasts.
"""

import asyncio
import gc
import os
import time
from collections import Counter
from typing import Any

import uvloop

from bench.clients import at_times
from bench.report import Report, median, percentile, spread
from bench.stack import Stack
from crowd.browser import Shop, visit
from crowd.buyer import buy
from crowd.limits import source_address

RUNGS = (50, 100, 150, 200, 250, 300, 350, 400, 450, 500)
RUNG_SECONDS = 15.0
WARM_UP = (50, 10.0)
MOST_SECONDS = 2.0  # of the whole way, for 99 of 100
BUYER_SECONDS = 50.0
ROUNDS = 5
CAPACITY = 200_000


def measure(stack: Stack) -> Report:
    """Climbs until it no longer holds; then the last rate that did, and twice that, in turns."""
    rungs = [int(rate) for rate in os.environ.get("RUNGS", "").split(",") if rate] or list(RUNGS)
    seconds = float(os.environ.get("SECONDS") or RUNG_SECONDS)
    rounds = int(os.environ.get("ROUNDS") or ROUNDS)
    slug = f"open-{os.getpid()}-{int(time.time())}"
    limits = ("--opens-in=0", "--rate=1000000", "--room=100000", "--max-per-buyer=4", "--hold-ttl=600")
    stack.command("event", "create", f"--slug={slug}", "--name=Open", f"--sku=Floor:4500:{CAPACITY}", *limits)
    gc.set_threshold(50_000, 20, 50)
    climbed: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    holds = rungs[0]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        shop = runner.run(visit(stack.run["web"], slug))
        runner.run(_rung(shop, *WARM_UP))
        for rate in rungs:
            climbed.append(runner.run(_rung(shop, rate, seconds)))
            if climbed[-1]["p99_s"] > MOST_SECONDS or climbed[-1]["mishaps"]:
                break
            holds = rate
        for _ in range(rounds):
            turns += [runner.run(_rung(shop, rate, seconds)) for rate in (holds, 2 * holds)]
    verdict = stack.command("verify", slug, "--at-rest=60")
    at, beyond = turns[::2], turns[1::2]
    best = median([rung["confirmed_per_second"] for rung in at])
    kept = [rung["confirmed_per_second"] / best for rung in beyond]
    failed_inside = sum(rung["failed_inside"] for rung in turns)
    lines = [f"{'buyers/s':>9}{'p50 s':>8}{'p99 s':>8}{'confirmed/s':>13}  mishaps"]
    lines += [
        f"{rung['rate']:>9}{rung['p50_s']:>8.2f}{rung['p99_s']:>8.2f}{rung['confirmed_per_second']:>13.0f}"
        f"  {rung['mishaps'] or 'none'}"
        for rung in (*climbed, *turns)
    ]
    for name in ("p50_s", "p99_s"):
        taken = [rung[name] for rung in at]
        lines.append(f"{holds} buyers a second: {name[:3]} {median(taken):.2f} s, {spread(taken)}")
    lines += [
        f"twice that: {median(kept):.0%} of it is confirmed, {spread(kept)}; {failed_inside} failed inside",
        f"verify: {'all in order' if verdict['ok'] else 'NOT in order'}",
    ]
    figures = {
        "benchmark": "open",
        "holds_at": holds,
        "rungs": climbed,
        "turns": turns,
        "kept": round(median(kept), 2),
        "failed_inside": failed_inside,
    }
    return Report(bool(verdict["ok"]), figures, "\n".join(lines))


async def _rung(shop: Shop, rate: int, seconds: float) -> dict[str, Any]:
    took: list[float] = []
    mishaps: Counter[str] = Counter()
    inside: Counter[str] = Counter()  # of those who had been let in
    ended: list[float] = []
    loop = asyncio.get_running_loop()

    async def come(number: int, meant_at: float) -> None:
        outcome = await buy(shop, seconds=BUYER_SECONDS, source_address=source_address(shop.url, number))
        if outcome.how == "confirmed":
            took.append(loop.time() - meant_at)
            ended.append(loop.time())
        else:
            mishaps[outcome.how] += 1
            inside[outcome.how] += outcome.waited_seconds is not None

    began = loop.time() + 0.2
    await at_times([began + number / rate for number in range(int(rate * seconds))], come)
    return {
        "rate": rate,
        "p50_s": round(percentile(took, 50), 3),
        "p99_s": round(percentile(took, 99), 3),
        "confirmed_per_second": round(len(ended) / (max(ended, default=loop.time()) - began), 1),  # to the last
        "mishaps": dict(mishaps),
        "failed_inside": inside.total(),
    }
