"""A sale of 100,000 orders, wiped from Redis and made anew from the books.

Half of the orders are paid, a quarter pending, a quarter lapsed. The time is that of `ticketcraze rebuild`, from
the first step to the last; the longest scripts (p99) are what everybody else in Redis had to wait for.
"""

import asyncio
import secrets
from statistics import median

import uvloop
from redis.asyncio import Redis

from app.ids import new_id, new_order_id
from app.infra.kafka import open_orders_log
from app.infra.mysql import Connection, Database, open_database
from app.infra.redis import open_redis
from app.orders.rebuild import rebuild
from app.sale.catalog import Event, Sku
from app.sale.events import create_event
from app.settings import Settings
from app.units import now_ms, to_datetime, to_decimal
from bench.report import Report
from bench.stack import Stack

ORDERS = 100_000
ROUNDS = 3
PAGE = 1_000
PRICE_MINOR = 4_500
STATUSES = ("CONFIRMED", "PENDING", "CONFIRMED", "EXPIRED")
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
        event = await _sold(database, redis)
        rounds = []
        for _ in range(ROUNDS):
            await redis.flushall()
            await redis.config_resetstat()
            rebuilt = await rebuild(database, redis, orders_log, event.id, lambda step: None)
            latencies = await redis.info("latencystats")
            rounds.append((rebuilt.seconds, float(latencies["latency_percentiles_usec_evalsha"]["p99"]) / 1_000))
        return rounds


async def _sold(database: Database, redis: Redis) -> Event:
    """A sale with its orders in the books."""
    event = await create_event(
        database,
        redis,
        Event(
            id=0,
            slug=f"bench-{now_ms()}",
            name="Rebuilt",
            currency="USD",
            state="open",
            notice=None,
            accent="",
            opens_at_ms=now_ms(),
            rate_per_minute=600,
            room=1_000,
            pass_ttl_seconds=300,
            hold_ttl_seconds=3_600,
            max_per_buyer=4,
            draw_secret="",
            skus=(Sku(0, "Floor", PRICE_MINOR, 2 * ORDERS), Sku(0, "Box", PRICE_MINOR, 2 * ORDERS)),
        ),
    )
    async with database.transaction() as connection:
        for _ in range(0, ORDERS, PAGE):
            await _insert(connection, event)
        for sku in event.skus:
            await connection.execute(
                "UPDATE skus SET held = %s, sold = %s WHERE id = %s", (ORDERS // 4, ORDERS // 2, sku.id)
            )
    return event


async def _insert(connection: Connection, event: Event) -> None:
    ids = [new_order_id(event.id) for _ in range(PAGE)]
    placed, ends = to_datetime(now_ms()), to_datetime(now_ms() + 3_600_000)
    total = to_decimal(PRICE_MINOR * len(event.skus))
    await connection.insert_many(
        "INSERT INTO orders (id, event_id, buyer_id, status, version, total, currency, idempotency_key,"
        " request_hash, placed_at, expires_at, updated_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            (
                order_id, event.id, secrets.token_hex(16), STATUSES[number % 4], 1, total, "USD", new_id(),
                secrets.token_hex(32), placed, ends, placed,
            )
            for number, order_id in enumerate(ids)
        ],
    )  # fmt: skip
    await connection.insert_many(
        "INSERT INTO order_items (order_id, sku_id, quantity, price) VALUES (%s, %s, %s, %s)",
        [(order_id, sku.id, 1, to_decimal(PRICE_MINOR)) for order_id in ids for sku in event.skus],
    )
