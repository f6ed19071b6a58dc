"""Finds orders whose end has passed and says so on Kafka; the ledger decides what becomes of each.

Redis knows the holds. An order that Redis lost is found in the books, so it ends too.
"""

import asyncio
import logging
import time
from collections.abc import Mapping

from redis.asyncio import Redis

from app.ids import new_id
from app.infra.kafka import Producer, open_producer
from app.infra.keys import key
from app.infra.mysql import Database, open_database
from app.infra.redis import open_redis
from app.orders.facts import HoldLapsed, records
from app.orders.reservations import due_holds, not_held
from app.sale.events import events_on_sale, retire
from app.settings import Settings
from app.units import now_ms, to_ms
from app.watch.processes import reporting
from workers.runner import Stop, every, run

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25
RETIRE_SECONDS = 30.0
BOOKS_SECONDS = 15.0
PAGE = 500
MOST_PAGES = 20  # of one event in one tick; the next tick goes on behind them
SAY_AGAIN_SECONDS = 10.0  # the ledger has not acted on it: it may have missed it, or be behind
LONGEST_SAY_AGAIN_SECONDS = 120.0
STUCK_AFTER = 6  # times said
GRACE_SECONDS = 30  # past the end by the books: Redis, which decides, had its time


async def work(settings: Settings, stop: Stop) -> None:
    """Expiry, until asked to stop."""
    async with (
        open_redis(settings) as redis,
        open_database(settings) as database,
        open_producer(settings) as producer,
        reporting(redis, "expiry", database),
    ):
        expiry = Expiry(redis, producer, database)
        async with asyncio.TaskGroup() as group:
            group.create_task(every(TICK_SECONDS, expiry.tick, stop))
            group.create_task(every(BOOKS_SECONDS, expiry.look_into_books, stop))
            group.create_task(every(RETIRE_SECONDS, expiry.retire, stop))


class Expiry:
    """Says of each order past its end that it lapsed, and again, more and more rarely, if nothing comes of it."""

    def __init__(self, redis: Redis, producer: Producer, database: Database) -> None:
        self._redis = redis
        self._producer = producer
        self._database = database
        self._said: dict[str, tuple[int, float]] = {}  # order id -> how often, when again
        self._pass_over: dict[int, int] = {}  # event id -> where the next tick begins

    async def tick(self) -> None:
        """One look at the holds of every event."""
        for event_id in await events_on_sale(self._redis):
            await self._say(await self._due(event_id))
        forget = time.monotonic() - LONGEST_SAY_AGAIN_SECONDS
        self._said = {order_id: said for order_id, said in self._said.items() if said[1] > forget}

    async def _due(self, event_id: int) -> dict[str, int]:
        """The holds of an event that are past their end: all of them, or as many pages as fit into a tick."""
        due: dict[str, int] = {}
        begin = self._pass_over.pop(event_id, 0)
        for page in range(MOST_PAGES):
            found = await due_holds(self._redis, event_id, PAGE, begin + page * PAGE)
            due.update(found)
            if len(found) < PAGE:
                return due
        self._pass_over[event_id] = begin + MOST_PAGES * PAGE
        return due

    async def look_into_books(self) -> None:
        """One look at the orders that the books hold past their end, and Redis does not."""
        on_sale = await events_on_sale(self._redis)
        ready = {event_id: await self._redis.hget(key(event_id, "sale"), "ready") == "1" for event_id in on_sale}
        after = ""
        while rows := await self._database.fetch_all(
            "SELECT id, event_id, expires_at FROM orders WHERE status IN ('PENDING', 'REVIEW')"
            " AND expires_at < UTC_TIMESTAMP(3) - INTERVAL %s SECOND AND id > %s ORDER BY id LIMIT %s",
            (GRACE_SECONDS, after, PAGE),
        ):
            after = rows[-1]["id"]
            # A sale that is being made again from the books decides for itself when it is there.
            ends = {row["id"]: to_ms(row["expires_at"]) for row in rows if ready.get(row["event_id"], True)}
            lost = await not_held(self._redis, list(ends))
            await self._say({order_id: ends[order_id] for order_id in lost})

    async def _say(self, due: Mapping[str, int]) -> None:
        now = time.monotonic()
        lapsed = [
            HoldLapsed(fact_id=new_id(), order_id=order_id, occurred_at_ms=now_ms(), expires_at_ms=expires_at_ms)
            for order_id, expires_at_ms in due.items()
            if now >= self._said.get(order_id, (0, 0.0))[1]
        ]
        for first in range(0, len(lapsed), PAGE):
            await self._producer.send(records(*lapsed[first : first + PAGE]))
        for fact in lapsed:
            times = self._said.get(fact.order_id, (0, 0.0))[0] + 1
            pause_seconds = min(SAY_AGAIN_SECONDS * 2 ** max(times - 2, 0), LONGEST_SAY_AGAIN_SECONDS)
            self._said[fact.order_id] = (times, now + pause_seconds)
            if times == STUCK_AFTER:
                log.error("order %s: it lapsed, and nothing came of it", fact.order_id)
        if lapsed:
            log.info("%d holds lapsed", len(lapsed))

    async def retire(self) -> None:
        """Lets go of closed events in which nothing can lapse any more."""
        for event_id in await events_on_sale(self._redis):
            if await retire(self._redis, event_id):
                log.info("event %s is over", event_id)


if __name__ == "__main__":
    run(work)
