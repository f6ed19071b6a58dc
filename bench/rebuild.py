"""A sale of 100,000 orders, wiped from Redis and made anew from the books.

Half of the orders are paid, a quarter pending, a quarter lapsed. The time is that of `ticketcraze rebuild`, from
the first step to the last; the longest scripts (p99) are what everybody else in Redis had to wait for.
"""

import asyncio
from statistics import median

import uvloop

from app.infra.kafka import open_orders_log
from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.orders.rebuild import rebuild
from app.settings import Settings
from bench.report import Report
from bench.seed import sold
from bench.stack import Stack

ORDERS = 100_000
ROUNDS = 3
LIMIT_SECONDS = 30.0
LIMIT_MS = 5.0


def measure(stack: Stack) -> Report:
    """The seconds of each round, and the 99th percentile of its scripts' milliseconds."""
    stack.command("migrate")
    settings = Settings.from_environment(stack.environment)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rounds = runner.run(_rounds(settings))
    seconds, script_ms = ([one[i] for one in rounds] for i in (0, 1))
    ok = max(seconds) <= LIMIT_SECONDS and max(script_ms) <= LIMIT_MS
    figures = {
        "benchmark": "rebuild",
        "orders": ORDERS,
        "seconds": [round(one, 2) for one in seconds],
        "script_p99_ms": [round(one, 2) for one in script_ms],
        "limit_seconds": LIMIT_SECONDS,
        "limit_ms": LIMIT_MS,
        "versions": stack.versions,
    }
    lines = [
        f"{ORDERS} orders, from nothing in Redis to a sale that is ready",
        "",
        f"{'round':<12}{'seconds':>10}{'script p99, ms':>22}",
        *(f"{number:<12}{one:>10.1f}{script:>22.2f}" for number, (one, script) in enumerate(rounds, 1)),
        f"{'median':<12}{median(seconds):>10.1f}{median(script_ms):>22.2f}",
        "",
        f"limits: {LIMIT_SECONDS:.0f} s, {LIMIT_MS:.0f} ms",
        stack.versions,
    ]
    return Report(ok, figures, "\n".join(lines))


async def _rounds(settings: Settings) -> list[tuple[float, float]]:
    async with (
        open_redis(settings) as redis,
        open_database(settings) as database,
        open_orders_log(settings) as orders_log,
    ):
        event = await sold(database, redis, ORDERS)
        rounds = []
        for _ in range(ROUNDS):
            await redis.flushall()
            await redis.config_resetstat()
            rebuilt = await rebuild(database, redis, orders_log, event.id, lambda step: None)
            latencies = await redis.info("latencystats")
            rounds.append((rebuilt.seconds, float(latencies["latency_percentiles_usec_evalsha"]["p99"]) / 1_000))
        return rounds
