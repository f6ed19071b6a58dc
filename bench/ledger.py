"""20,000 orders from Kafka into MySQL, in turns with a bare loop of INSERTs of the same rows.

The ledger's turn is its real code: consume, decode, look the orders up, apply, write, commit, settle Redis, delete
the outbox entries, commit the offsets. The loop has its rows ready, batches of the same size, the same connection
settings and a commit a batch: what MySQL can do at all through this library. Orders are reserved in Redis, carried
through the outbox and sent to Kafka before the time begins.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from statistics import median
from typing import Any, cast

import uvloop
from redis.asyncio import Redis

from app.infra.kafka import create_topics, open_consumer, open_producer
from app.infra.keys import EVENTS, key
from app.infra.mysql import Database, open_database
from app.infra.redis import open_redis
from app.orders.facts import Fact, OrderPlaced, records
from app.orders.ledger import Ledger
from app.orders.reservations import OUTBOX_GROUP, fact_of_entry, reserve
from app.outbound.following import follow
from app.sale.catalog import Event, Sku
from app.sale.events import create_event
from app.settings import Settings
from app.units import now_ms, to_datetime, to_decimal
from bench.report import BenchmarkFailed, Report
from bench.stack import Stack
from workers.ledger import Bookkeeper

ORDERS = 20_000
ROUNDS = 4  # of one turn each
TARGET_RATIO = 0.4
AT_ONCE = 30  # fewer than the connections to Redis
HOLD_SECONDS = 3_600
SKUS = 5
CAPACITY = 200_000


def measure(stack: Stack) -> Report:
    """Both, in turns; the report says how they compare. Raises BenchmarkFailed."""
    stack.command("migrate")
    settings = Settings.from_environment(stack.environment)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        turns = runner.run(_turns(settings, f"bench-{now_ms()}"))
    ledger, loop = ([turn[i] for turn in turns] for i in (0, 1))
    ratio = median(ledger) / median(loop)
    figures = {
        "benchmark": "ledger",
        "orders": ORDERS,
        "batch": settings.ledger_batch,
        "ledger_orders_per_second": [round(rate) for rate in ledger],
        "insert_loop_orders_per_second": [round(rate) for rate in loop],
        "ratio": round(ratio, 3),
        "target_ratio": TARGET_RATIO,
        "versions": stack.versions,
    }
    lines = [
        f"{ORDERS} orders in batches of {settings.ledger_batch}, orders/s",
        "",
        f"{'round':<12}{'ledger':>10}{'INSERT loop':>14}",
        *(f"{number:<12}{a:>10.0f}{b:>14.0f}" for number, (a, b) in enumerate(turns, 1)),
        f"{'median':<12}{median(ledger):>10.0f}{median(loop):>14.0f}",
        "",
        f"ratio {ratio:.2f} (target {TARGET_RATIO})",
        stack.versions,
    ]
    return Report(True, figures, "\n".join(lines))


async def _turns(settings: Settings, name: str) -> list[tuple[float, float]]:
    """Orders a second of both, for each round."""
    turns = []
    async with open_redis(settings) as redis, open_database(settings) as database:
        for number in range(ROUNDS):
            own = replace(settings, orders_topic=f"{name}-{number}", ledger_group=f"{name}-{number}")
            ledger_event = await _create_event(database, redis, f"{name}-ledger-{number}")
            loop_event = await _create_event(database, redis, f"{name}-loop-{number}")
            placed = await _placed(redis, ledger_event, number)
            ledger_rate = ORDERS / await _time_ledger(own, redis, database, placed)
            loop_rate = ORDERS / await _time_loop(database, settings.ledger_batch, _rows(placed, loop_event))
            if await redis.xlen(key(ledger_event.id, "outbox")):
                raise BenchmarkFailed("the ledger left entries in the outbox")
            if await _books(database, ledger_event) != await _books(database, loop_event):
                raise BenchmarkFailed("the ledger and the INSERT loop did not write the same")
            turns.append((ledger_rate, loop_rate))
    return turns


async def _create_event(database: Database, redis: Redis, slug: str) -> Event:
    event = Event(
        id=0,
        slug=slug,
        name="Benchmark",
        currency="USD",
        state="open",
        notice=None,
        accent="",
        opens_at_ms=now_ms(),
        rate_per_minute=1,
        room=1,
        pass_ttl_seconds=HOLD_SECONDS,
        hold_ttl_seconds=HOLD_SECONDS,
        max_per_buyer=10,
        draw_secret="",
        skus=tuple(Sku(0, f"Block {number}", 4_500 + 1_000 * number, CAPACITY) for number in range(SKUS)),
    )
    event = await create_event(database, redis, event)
    await redis.srem(EVENTS, event.id)  # if workers run on these servers, they are to leave it alone
    return event


async def _placed(redis: Redis, event: Event, seed: int) -> list[OrderPlaced]:
    """Reserves one or two tickets of one or two skus for each of many buyers; the facts in their outbox."""
    chance = Random(seed)  # noqa: S311  # no secrets
    buyers = [f"{number:032x}" for number in range(ORDERS)]
    await redis.zadd(key(event.id, "passes"), dict.fromkeys(buyers, now_ms() + HOLD_SECONDS * 1000))
    waiting = iter(buyers)

    async def reserve_all() -> None:
        for buyer in waiting:
            skus = chance.sample(event.skus, chance.randint(1, 2))
            items = [(sku.id, chance.randint(1, 2)) for sku in skus]
            await reserve(redis, event.id, buyer, "only", items, outbox_cap=ORDERS, max_orders=1)

    await asyncio.gather(*(reserve_all() for _ in range(AT_ONCE)))
    outbox = key(event.id, "outbox")
    await redis.xgroup_create(outbox, OUTBOX_GROUP, id="0")
    read = await redis.xreadgroup(OUTBOX_GROUP, "bench", {outbox: ">"}, count=ORDERS)
    ((_, entries),) = cast(list[tuple[str, list[tuple[str, dict[str, str]]]]], read)
    placed = [fact_of_entry(outbox_id, entry) for outbox_id, entry in entries]
    return [fact for fact in placed if isinstance(fact, OrderPlaced)]


async def _time_ledger(settings: Settings, redis: Redis, database: Database, placed: Sequence[Fact]) -> float:
    """Seconds from the first fetch to the last commit."""
    await create_topics(settings)
    async with open_producer(settings) as producer:
        for first in range(0, len(placed), 1_000):
            await producer.send(records(*placed[first : first + 1_000]))
        async with open_consumer(settings) as consumer:
            bookkeeper = Bookkeeper(
                consumer, Ledger(database, redis, also=follow), producer, settings, lambda step: None
            )
            began = time.perf_counter()
            while sum([await consumer.position(partition) for partition in consumer.assignment()]) < len(placed):
                await bookkeeper.batch()
            return time.perf_counter() - began


@dataclass
class _Rows:
    """What the INSERT loop writes, an entry for each order."""

    orders: list[tuple[Any, ...]]
    items: list[list[tuple[Any, ...]]]
    audit: list[list[tuple[Any, ...]]]


def _rows(placed: Sequence[OrderPlaced], event: Event) -> _Rows:
    """The rows the ledger writes for these facts, as those of another event."""
    sku_ids = dict(
        zip(sorted({i.sku_id for fact in placed for i in fact.items}), (s.id for s in event.skus), strict=True)
    )
    rows = _Rows([], [], [])
    now = to_datetime(now_ms())
    for fact in placed:
        order_id = fact.order_id[:-8] + f"{event.id:08x}"
        placed_at, expires_at = to_datetime(fact.occurred_at_ms), to_datetime(fact.expires_at_ms)
        rows.orders.append(
            (order_id, event.id, fact.buyer_id, "PENDING", 1, to_decimal(fact.total_minor), fact.currency,
             fact.idempotency_key, fact.request_hash, placed_at, expires_at, now)
        )  # fmt: skip
        lines = [(sku_ids[item.sku_id], item.quantity, to_decimal(item.price_minor)) for item in fact.items]
        rows.items.append([(order_id, *line) for line in lines])
        rows.audit.append([(sku_id, -quantity, "PLACED", order_id, now) for sku_id, quantity, _ in lines])
    return rows


async def _time_loop(database: Database, batch: int, rows: _Rows) -> float:
    """Seconds from the first statement to the last commit."""
    began = time.perf_counter()
    for first in range(0, len(rows.orders), batch):
        chunk = slice(first, first + batch)
        items = [row for lines in rows.items[chunk] for row in lines]
        held: Counter[int] = Counter()
        for _, sku_id, quantity, _ in items:
            held[sku_id] += quantity
        async with database.transaction() as connection:
            await connection.execute(
                f"UPDATE skus SET held = held + CASE id {'WHEN %s THEN %s ' * len(held)} END"  # noqa: S608
                f" WHERE id IN ({', '.join(['%s'] * len(held))})",
                [number for pair in held.items() for number in pair] + list(held),
            )
            await connection.insert_many(
                "INSERT INTO orders (id, event_id, buyer_id, status, version, total, currency, idempotency_key,"
                " request_hash, placed_at, expires_at, updated_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                rows.orders[chunk],
            )
            await connection.insert_many(
                "INSERT INTO order_items (order_id, sku_id, quantity, price) VALUES (%s, %s, %s, %s)", items
            )
            await connection.insert_many(
                "INSERT INTO inventory_audit (sku_id, change_qty, reason, ref_id, created_at)"
                " VALUES (%s, %s, %s, %s, %s)",
                [row for lines in rows.audit[chunk] for row in lines],
            )
    return time.perf_counter() - began


async def _books(database: Database, event: Event) -> list[dict[str, Any]]:
    """What the books say of an event, without its ids."""
    return [
        *await database.fetch_all(
            "SELECT COUNT(*) AS orders, SUM(total) AS total, SUM(version) AS versions FROM orders"
            " WHERE event_id = %s AND status = 'PENDING'",
            (event.id,),
        ),
        *await database.fetch_all(
            "SELECT s.name, s.held, COUNT(i.order_id) AS items, SUM(i.quantity * i.price) AS total FROM skus s"
            " JOIN order_items i ON i.sku_id = s.id WHERE s.event_id = %s GROUP BY s.id ORDER BY s.id",
            (event.id,),
        ),
        *await database.fetch_all(
            "SELECT s.name, a.reason, COUNT(*) AS entries, SUM(a.change_qty) AS changed FROM skus s"
            " JOIN inventory_audit a ON a.sku_id = s.id WHERE s.event_id = %s GROUP BY s.id, a.reason"
            " ORDER BY s.id, a.reason",
            (event.id,),
        ),
    ]
