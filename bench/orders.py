"""A million orders in the books, and how long an organiser waits for the one that is looked for.

Every kind of search is asked for a hundred times, and the limit is for the slowest but one.
"""

import asyncio
import random
from collections.abc import Callable
from time import perf_counter

import uvloop

from app.ids import short_code
from app.infra.mysql import Database, Row, open_database
from app.infra.redis import open_redis
from app.organisers.orders import Search, order_life, search_orders
from app.settings import Settings
from app.units import to_ms
from bench.report import Report, percentile
from bench.seed import sold
from bench.stack import Stack

ORDERS = 1_000_000
TIMES = 100
ROWS = 50
LIMIT_MS = 50.0

SEARCHES: dict[str, Callable[[Row], Search]] = {
    "newest": lambda order: Search(),
    "id": lambda order: Search(order["id"]),
    "beginning": lambda order: Search(order["id"][:13]),
    "code": lambda order: Search(short_code(order["id"])),
    "buyer": lambda order: Search(order["buyer_id"]),
    "status": lambda order: Search(status="EXPIRED"),
    "page": lambda order: Search(cursor=order["id"]),
    "status, page": lambda order: Search(status="CONFIRMED", cursor=order["id"]),
    "time": lambda order: Search(from_ms=to_ms(order["placed_at"]), until_ms=to_ms(order["placed_at"]) + 1_000),
    "nothing": lambda order: Search("ffff-ffff"),
}


def measure(stack: Stack) -> Report:
    """The milliseconds of each kind of search, and of one order with its life."""
    stack.command("migrate")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        times = runner.run(_searched(Settings.from_environment(stack.environment)))
    slowest = max(p99 for _, p99 in times.values())
    figures = {
        "benchmark": "orders",
        "orders": ORDERS,
        "ms": {kind: {"p50": p50, "p99": p99} for kind, (p50, p99) in times.items()},
        "limit_ms": LIMIT_MS,
        "versions": stack.versions,
    }
    lines = [
        f"{ORDERS} orders of one event, {TIMES} searches of each kind",
        "",
        f"{'search':<16}{'p50, ms':>10}{'p99, ms':>10}",
        *(f"{kind:<16}{p50:>10.1f}{p99:>10.1f}" for kind, (p50, p99) in times.items()),
        "",
        f"limit: {LIMIT_MS:.0f} ms",
        stack.versions,
    ]
    return Report(slowest <= LIMIT_MS, figures, "\n".join(lines))


async def _searched(settings: Settings) -> dict[str, tuple[float, float]]:
    async with open_redis(settings) as redis, open_database(settings) as database:
        event = await sold(database, redis, ORDERS)
        some = await _some(database, event.id)
        times = {}
        for kind, search in SEARCHES.items():
            took = []
            for order in some:
                began = perf_counter()
                await search_orders(database, event.id, search(order), ROWS)
                took.append((perf_counter() - began) * 1_000)
            times[kind] = _shares(took)
        took = []
        for order in some:
            began = perf_counter()
            await order_life(database, order["id"])
            took.append((perf_counter() - began) * 1_000)
        times["one order"] = _shares(took)
        return times


async def _some(database: Database, event_id: int) -> list[Row]:
    """Orders from everywhere among all."""
    rows = await database.fetch_all("SELECT id FROM orders WHERE event_id = %s ORDER BY id", (event_id,))
    chosen = random.Random(1).sample([row["id"] for row in rows], TIMES)  # noqa: S311
    found = []
    for order_id in chosen:
        row = await database.fetch_one("SELECT id, buyer_id, placed_at FROM orders WHERE id = %s", (order_id,))
        assert row
        found.append(row)
    return found


def _shares(took: list[float]) -> tuple[float, float]:
    return round(percentile(took, 50), 2), round(percentile(took, 98), 2)  # of a hundred, the 99th
