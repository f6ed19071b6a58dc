"""Finds holds whose end has passed and says so on Kafka; the ledger decides what becomes of the order."""

import asyncio
import logging
import time

from redis.asyncio import Redis

from app.ids import new_id
from app.infra.kafka import Producer, open_producer
from app.infra.redis import open_redis
from app.orders.facts import HoldLapsed, records
from app.orders.reservations import due_holds
from app.sale.events import events_on_sale, retire
from app.settings import Settings
from app.units import now_ms
from app.watch.processes import reporting
from workers.runner import Stop, every, run

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25
RETIRE_SECONDS = 30.0
MOST_AT_ONCE = 500
SAY_AGAIN_SECONDS = 10.0  # the ledger has not acted on it: it may have missed it, or be behind


async def work(settings: Settings, stop: Stop) -> None:
    """Expiry, until asked to stop."""
    async with open_redis(settings) as redis, open_producer(settings) as producer, reporting(redis, "expiry"):
        expiry = Expiry(redis, producer)
        async with asyncio.TaskGroup() as group:
            group.create_task(every(TICK_SECONDS, expiry.tick, stop))
            group.create_task(every(RETIRE_SECONDS, expiry.retire, stop))


class Expiry:
    """Says of each due hold that it lapsed, and again if nothing comes of it."""

    def __init__(self, redis: Redis, producer: Producer) -> None:
        self._redis = redis
        self._producer = producer
        self._said: dict[str, float] = {}  # order id -> when, for holds that are still there

    async def tick(self) -> None:
        """One look at the holds of every event."""
        now = time.monotonic()
        due = dict(await due_holds(self._redis, await events_on_sale(self._redis), MOST_AT_ONCE))
        self._said = {order_id: at for order_id, at in self._said.items() if order_id in due}
        lapsed = [
            HoldLapsed(fact_id=new_id(), order_id=order_id, occurred_at_ms=now_ms(), expires_at_ms=expires_at_ms)
            for order_id, expires_at_ms in due.items()
            if now - self._said.get(order_id, -SAY_AGAIN_SECONDS) >= SAY_AGAIN_SECONDS
        ]
        if lapsed:
            await self._producer.send(records(*lapsed))
            self._said |= dict.fromkeys((fact.order_id for fact in lapsed), now)
            log.info("%d holds lapsed", len(lapsed))

    async def retire(self) -> None:
        """Lets go of closed events in which nothing can lapse any more."""
        for event_id in await events_on_sale(self._redis):
            if await retire(self._redis, event_id):
                log.info("event %s is over", event_id)


if __name__ == "__main__":
    run(work)
