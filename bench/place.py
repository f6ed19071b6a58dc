"""The queue by its length: what joining, looking and the places of everybody cost Redis. It must not grow.

One script each, on a queue of 1,000 to a million buyers (LENGTHS); µs of Redis's own time by `INFO commandstats`.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from redis.asyncio import Redis

from app.infra.keys import key
from app.infra.redis import open_redis
from app.sale import waiting_room
from app.settings import Settings
from bench.report import Report, median, spread
from bench.stack import Stack

LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
ROUNDS = 5
CALLS = 200
AT_ONCE = 10_000
MOST_GROWTH = 3.0  # of a look at a million against one at a thousand; a rank is found in logarithmic time


def measure(stack: Stack) -> Report:
    """Each of them at each length."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        taken = runner.run(_measure(stack))
    kinds = ("join", "look", "rank table")
    lines = [f"{'in the queue':>12}" + "".join(f"{kind + ', µs':>20}" for kind in kinds)]
    for length, costs in taken.items():
        cells = "".join(f"{median(costs[kind]):>12.0f}{spread(costs[kind]):>8}" for kind in kinds)
        lines.append(f"{length:>12,}{cells}")
    first, last = taken[min(taken)], taken[max(taken)]
    ok = all(median(last[kind]) <= MOST_GROWTH * median(first[kind]) for kind in ("join", "look"))
    figures: dict[str, Any] = {
        "benchmark": "place",
        "redis_us": {n: {kind: round(median(us), 1) for kind, us in costs.items()} for n, costs in taken.items()},
    }
    return Report(ok, figures, "\n".join(lines))


async def _measure(stack: Stack) -> dict[int, dict[str, list[float]]]:
    taken: dict[int, dict[str, list[float]]] = {}
    slug = f"place-{os.getpid()}-{int(time.time())}"
    made = await asyncio.to_thread(
        stack.command, "event", "create", f"--slug={slug}", "--name=Place", "--sku=Floor:4500:100", "--opens-in=0",
        "--rate=1", "--room=1",
    )  # fmt: skip
    event_id = int(made["id"])
    async with open_redis(Settings.from_environment(stack.environment)) as redis:
        there = 0
        for length in [int(n) for n in os.environ.get("LENGTHS", "").split(",") if n] or LENGTHS:
            await _fill(redis, event_id, there, length)
            there = length
            taken[length] = {"join": [], "look": [], "rank table": []}
            for number in range(ROUNDS):
                looked = [f"b{n * (length // CALLS)}" for n in range(CALLS)]
                joined = [f"new-{length}-{number}-{n}" for n in range(CALLS)]
                taken[length]["look"].append(
                    await _us(redis, [lambda b=b: waiting_room.look(redis, event_id, b) for b in looked])  # type: ignore[misc]
                )
                taken[length]["join"].append(
                    await _us(redis, [lambda b=b: waiting_room.join(redis, event_id, b, 10**9) for b in joined])  # type: ignore[misc]
                )
                taken[length]["rank table"].append(
                    await _us(redis, [lambda: waiting_room.rank_table(redis, event_id)] * 20)
                )
    return taken


async def _fill(redis: Redis, event_id: int, there: int, length: int) -> None:
    for first in range(there, length, AT_ONCE):
        last = min(first + AT_ONCE, length)
        await redis.zadd(key(event_id, "queue"), {f"b{n}": n + 1 for n in range(first, last)})
    await redis.set(key(event_id, "number"), length)


async def _us(redis: Redis, calls: list[Callable[[], Awaitable[Any]]]) -> float:
    """µs of Redis for each call, which runs one script; what other processes ask meanwhile counts little."""
    before = await _scripts(redis)
    for call in calls:
        await call()
    after = await _scripts(redis)
    return (after[0] - before[0]) / (after[1] - before[1])


async def _scripts(redis: Redis) -> tuple[int, int]:
    said: Any = (await redis.info("commandstats")).get("cmdstat_evalsha", {"usec": 0, "calls": 0})
    return int(said["usec"]), int(said["calls"])
