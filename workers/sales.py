"""Looks after sales, from the first minute to the last.

Puts new ones on sale, draws lobbies and publishes the draws, has the books follow Redis, clears away what is over,
rebuilds what was lost.

Nothing here is in the way of letting buyers in.
"""

import asyncio
import logging
from contextlib import suppress
from functools import partial

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.infra.epochs import refreshed_epochs
from app.infra.kafka import open_orders_log
from app.infra.mysql import Database, DatabaseUnavailable, open_database
from app.infra.redis import open_redis
from app.orders.rebuild import UnderWay, rebuild
from app.orders.repair import Repair
from app.organisers.log import AdminLog
from app.sale import events
from app.sale.changing import follow_books
from app.sale.draw import begin_draws, finish_draw
from app.sale.gates.codes import give_codes, note_uses
from app.sale.published import publish, unpublished
from app.settings import Settings
from app.watch.processes import reporting
from workers.runner import AWAY, Stop, every, run

log = logging.getLogger(__name__)

DRAW_SECONDS = 0.2
PUBLISH_SECONDS = 1.0
CODES_SECONDS = 2.0
BOOKS_SECONDS = 2.0
PURGE_SECONDS = 60.0
REPAIR_SECONDS = 1.0


async def work(settings: Settings, stop: Stop) -> None:
    """Sales, until asked to stop."""
    async with (
        open_redis(settings) as redis,
        open_database(settings) as database,
        reporting(redis, "sales", database),
        refreshed_epochs(database),
        Repair(database, redis, partial(_rebuild, settings, database, redis)) as repair,
        asyncio.TaskGroup() as group,
    ):
        draws = Draws(redis, database)
        admin_log = AdminLog(redis, database)

        async def draw() -> None:
            await draws.tick()
            if stop.asked:
                draws.cancel()

        async def publish_draws() -> None:
            for event_id in await unpublished(redis, await events.events_on_sale(redis)):
                event = await events.event_by_id(database, event_id)
                entrants = await publish(database, redis, event)
                log.info("event %s: the draw of %d is published", event.slug, entrants)

        async def keep_codes() -> None:
            on_sale = await events.events_on_sale(redis)
            await note_uses(database, redis, on_sale)
            while await give_codes(database, redis, on_sale):
                pass

        async def keep_books() -> None:
            for event in await events.never_on_sale(database):
                await events.put_on_sale(database, redis, event)
                log.info("event %s is on sale", event.id)
            on_sale = {*await events.events_on_sale(redis), *await events.not_closed(database)}
            await events.follow_redis(database, redis, sorted(on_sale))
            await follow_books(database, redis, sorted(on_sale))
            await admin_log.catch_up()

        async def purge() -> None:
            for event in await events.over(database, redis):
                answer = await events.purge(database, redis, event, settings.purge_after_seconds)
                if answer == events.PURGED:
                    log.info("event %s is cleared away", event.id)

        group.create_task(every(DRAW_SECONDS, draw, stop))
        group.create_task(every(PUBLISH_SECONDS, publish_draws, stop))
        group.create_task(every(CODES_SECONDS, keep_codes, stop))
        group.create_task(every(REPAIR_SECONDS, repair.tick, stop))
        group.create_task(every(BOOKS_SECONDS, keep_books, stop))
        group.create_task(every(PURGE_SECONDS, purge, stop))


async def _rebuild(settings: Settings, database: Database, redis: Redis, event_id: int) -> None:
    async with open_orders_log(settings) as orders_log:
        with suppress(UnderWay):
            await rebuild(database, redis, orders_log, event_id)


class Draws:
    """Each draw in a task of its own: one that takes long, or lacks its secret, keeps no other waiting."""

    def __init__(self, redis: Redis, database: Database) -> None:
        self._redis = redis
        self._database = database
        self._running: dict[int, asyncio.Task[None]] = {}

    async def tick(self) -> None:
        """Begins the draws whose time has come, and those that were begun and not ended."""
        begun = await begin_draws(self._redis, await events.events_on_sale(self._redis))
        for event_id, drawn_after in begun.items():
            if event_id not in self._running:
                task = asyncio.create_task(self._draw(event_id, drawn_after))
                self._running[event_id] = task
                task.add_done_callback(partial(self._ended, event_id))

    def _ended(self, event_id: int, task: asyncio.Task[None]) -> None:
        del self._running[event_id]
        if not task.cancelled() and (error := task.exception()):
            log.error("event %s: the draw failed", event_id, exc_info=error)

    def cancel(self) -> None:
        """Stops what is running; the next start goes on with it."""
        for task in self._running.values():
            task.cancel()

    async def _draw(self, event_id: int, drawn_after: int) -> None:
        try:
            secret = await events.draw_secret(self._database, self._redis, event_id)
            drawn, state = await finish_draw(self._redis, event_id, secret, drawn_after)
        except AWAY as error:
            log.warning("event %s: the draw is tried again: %s", event_id, error or type(error).__name__)
            return
        except events.UnknownEvent:
            log.error("event %s is on sale in Redis and not in the books", event_id)
            return
        log.info("event %s is %s, %d buyers were drawn", event_id, state, drawn)
        with suppress(DatabaseUnavailable, RedisError):  # keep_books will see to it
            await events.follow_redis(self._database, self._redis, [event_id])
            await events.note(self._database, event_id, f"The sale opened; {drawn} buyers were drawn")


if __name__ == "__main__":
    run(work)
