"""Finds the sales that Redis lost, or has only older data of, and has them rebuilt.

Once a second the books are told how far Redis has come: how much has happened in each sale, and a queue number
above which none was given. So a Redis that is behind that was put back to older data, and after a loss no queue
number is given twice. A Redis that was started since (its scripts then refuse everything) goes on as soon as it is
found to be no older than the books; one that was promoted has lost its last writes, whatever it says.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.infra import scripts
from app.infra.kafka import KafkaUnavailable
from app.infra.keys import LOOKED_AT, REPAIRS, key, keys, order_key
from app.infra.mysql import Database, DatabaseUnavailable
from app.orders.rebuild import Overtaken, recent_orders
from app.orders.reservations import settle

log = logging.getLogger(__name__)

NUMBERS_AHEAD = 1_000  # and as many as came since the last look, five times over
TRY_AGAIN_SECONDS = 3.0
AWAY = (RedisError, DatabaseUnavailable, KafkaUnavailable, Overtaken)
MOST_AT_ONCE = 2  # rebuilds at a time: each is as much as MySQL and Redis have to spare


@dataclass(frozen=True)
class Books:
    """What the books know of an event's data in Redis."""

    event_id: int
    epoch: int
    redis_seq: int
    number_high: int


@dataclass(frozen=True)
class Seen:
    """What Redis has of an event."""

    ready: bool
    epoch: int
    proven: bool  # by this process of Redis
    seq: int  # how much has happened in the sale
    number: int  # the last queue number given


def trouble(books: Books, seen: Seen, *, promoted: bool, asked: bool) -> str:
    """Why a sale must be rebuilt; empty when it need not."""
    if asked:
        return "writes of it were lost"
    if not seen.ready:
        return "Redis does not have it"
    if seen.epoch < books.epoch:
        return "Redis has it as it was before the last rebuild"
    if seen.seq < books.redis_seq:
        return "Redis has older data than it had"
    if not seen.proven and promoted:
        return "Redis is a replica that was promoted"
    return ""


def numbers_ahead(number: int, before: int) -> int:
    """A queue number that is not reached before the next look, judged by how many came since the last one."""
    return number + max(NUMBERS_AHEAD, 5 * (number - before))


class Repair:
    """Looks again and again; what must be rebuilt is handed to `rebuild`, a task each."""

    def __init__(self, database: Database, redis: Redis, rebuild: Callable[[int], Awaitable[object]]) -> None:
        self._database = database
        self._redis = redis
        self._rebuild = rebuild
        self._running: dict[int, asyncio.Task[None]] = {}
        self._troubled: set[int] = set()  # at the last look: a new sale may be on its way into Redis
        self._numbers: dict[int, int] = {}

    async def tick(self) -> None:
        """One look. Raises RedisError, DatabaseUnavailable."""
        rows = await self._database.fetch_all(
            "SELECT id, epoch, redis_seq, number_high FROM events"
            " WHERE on_sale_at IS NOT NULL AND purged_at IS NULL"
            " ORDER BY state = 'closed', id"  # what is over may wait for what is not
        )
        books = [Books(row["id"], row["epoch"], row["redis_seq"], row["number_high"]) for row in rows]
        seen, promoted, asked = await self._see(books)
        troubled: dict[int, str] = {}
        for event in books:
            why = trouble(event, seen[event.event_id], promoted=promoted, asked=event.event_id in asked)
            if not why and not seen[event.event_id].proven:
                why = await self._prove(event, seen[event.event_id])
            elif not why:
                await self._note(event, seen[event.event_id])
            if why:
                troubled[event.event_id] = why
        for event_id, why in troubled.items():
            if event_id in self._troubled and event_id not in self._running and len(self._running) < MOST_AT_ONCE:
                log.error("event %d is rebuilt: %s", event_id, why)
                self._start(event_id)
        self._troubled = set(troubled)

    async def __aenter__(self) -> "Repair":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ends what is running: a rebuild that was begun is done again by the next who looks."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _see(self, books: list[Books]) -> tuple[dict[int, Seen], bool, set[int]]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.info("server")
            pipeline.time()
            pipeline.get(LOOKED_AT)
            pipeline.smembers(REPAIRS)
            for event in books:
                pipeline.hmget(key(event.event_id, "sale"), ["ready", "epoch", "run_id"])
                pipeline.hvals(key(event.event_id, "totals"))
                pipeline.get(key(event.event_id, "number"))
            server, (seconds, _), looked_at, asked, *answers = await pipeline.execute()
        seen = {}
        for event, (ready, epoch, run_id), totals, number in zip(
            books, answers[::3], answers[1::3], answers[2::3], strict=True
        ):
            seen[event.event_id] = Seen(
                ready == "1",
                int(epoch or 0),
                run_id in (None, server["run_id"]),
                sum(map(int, totals)),
                int(number or 0),
            )
        # It ran already when another one was looked at: it followed that one, and was promoted.
        promoted = int(looked_at or 0) > seconds - server["uptime_in_seconds"]
        if all(sale.proven for sale in seen.values()):
            await self._redis.set(LOOKED_AT, seconds)
        return seen, promoted, {int(event_id) for event_id in cast(Any, asked)}

    async def _prove(self, books: Books, seen: Seen) -> str:
        """Lets a sale go on in a Redis that was started since, or says why it must be rebuilt.

        What the ledger settled last may be lost, and is settled again.
        """
        recent = await recent_orders(self._database, books.event_id)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for order in recent:
                pipeline.hget(order_key(books.event_id, order.id), "version")
            versions = await pipeline.execute()
        if any(version is None for version in versions):
            return "the books have orders that Redis does not know"
        args: list[str | int] = [seen.epoch, books.number_high]
        if await scripts.run(self._redis, "prove", keys(books.event_id, "sale", "number"), args):
            behind = [o for o, version in zip(recent, versions, strict=True) if int(version) < o.version]
            await settle(self._redis, books.event_id, behind, [])
            log.warning("event %d: Redis was started, and has what the books have", books.event_id)
        return ""

    async def _note(self, books: Books, seen: Seen) -> None:
        """Tells the books how far a sale has come in Redis."""
        before = self._numbers.get(books.event_id, seen.number)
        self._numbers[books.event_id] = seen.number
        high = numbers_ahead(seen.number, before)
        is_near = books.number_high - seen.number < (high - seen.number) // 2
        if seen.seq != books.redis_seq or is_near:
            await self._database.execute(
                "UPDATE events SET redis_seq = %s, number_high = GREATEST(number_high, %s)"
                " WHERE id = %s AND epoch = %s AND redis_seq <= %s",
                (seen.seq, high if is_near else 0, books.event_id, seen.epoch, seen.seq),
            )

    def _start(self, event_id: int) -> None:
        async def rebuild() -> None:
            try:
                await self._rebuild(event_id)
            except Exception as error:  # whatever it is, the sale stays not ready, and is tried again
                log.error(
                    "event %d: the rebuild failed: %r", event_id, error, exc_info=not isinstance(error, AWAY)
                )
                await asyncio.sleep(TRY_AGAIN_SECONDS)

        task = asyncio.create_task(rebuild())
        self._running[event_id] = task
        task.add_done_callback(lambda _: self._running.pop(event_id, None))
