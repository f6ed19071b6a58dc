"""Opens sales when their time comes and lets buyers in, several times a second."""

import logging

from redis.asyncio import Redis

from app.infra.mysql import Database, DatabaseUnavailable, open_database
from app.infra.redis import open_redis
from app.sale import admission, waiting_room
from app.sale.events import UnknownEvent, event_by_id, events_on_sale, note, write_state
from app.settings import Settings
from app.watch.processes import reporting
from workers.runner import Stop, every, run

log = logging.getLogger(__name__)

TICK_SECONDS = 0.2


async def work(settings: Settings, stop: Stop) -> None:
    """Admission, until asked to stop."""
    async with (
        open_redis(settings) as redis,
        open_database(settings) as database,
        reporting(redis, "admission", database),
    ):

        async def tick() -> None:
            event_ids = await events_on_sale(redis)
            for event_id, drawn_after in (await waiting_room.begin_draws(redis, event_ids)).items():
                await _open(redis, database, event_id, drawn_after)
            results = await admission.admit(
                redis, event_ids, grace_seconds=settings.grace_seconds, overbooking=settings.overbooking
            )
            for event_id, result in zip(event_ids, results, strict=True):
                if result.admitted or result.lapsed or result.parked:
                    log.info("event %s: %s", event_id, result)

        await every(TICK_SECONDS, tick, stop)


async def _open(redis: Redis, database: Database, event_id: int, drawn_after: int) -> None:
    try:
        event = await event_by_id(database, event_id)
    except UnknownEvent:
        log.error("event %s is on sale in Redis and not in the books", event_id)
        return
    drawn = await waiting_room.finish_draw(redis, event_id, event.draw_secret, drawn_after)
    log.info("event %s is open, %d buyers were drawn", event_id, drawn)
    try:
        await write_state(database, event_id, "open")
        await note(database, event_id, f"The sale opened; {drawn} buyers were drawn")
    except DatabaseUnavailable:
        log.warning("event %s is open; the books will not say so until it is opened again", event_id)


if __name__ == "__main__":
    run(work)
