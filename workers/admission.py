"""Lets buyers in, several times a second. It asks only Redis: whatever becomes of MySQL, the queue moves."""

import logging

from app.infra.epochs import refreshed_epochs
from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.sale.admission import admit
from app.sale.events import events_on_sale
from app.sale.presence import is_presence_known
from app.settings import Settings
from app.watch.processes import reporting
from workers.runner import Stop, every, run

log = logging.getLogger(__name__)

TICK_SECONDS = 0.2
MOST_ROUNDS = 20  # in one tick, for events that have more to do at once


async def work(settings: Settings, stop: Stop) -> None:
    """Admission, until asked to stop."""
    async with (
        open_redis(settings) as redis,
        open_database(settings) as database,
        reporting(redis, "admission", database),
        refreshed_epochs(database),
    ):

        async def tick() -> None:
            event_ids = await events_on_sale(redis)
            may_park = await is_presence_known(redis, settings.grace_seconds)
            for _ in range(MOST_ROUNDS):
                results = await admit(
                    redis,
                    event_ids,
                    overbooking=settings.overbooking,
                    may_park=may_park,
                    grace_seconds=settings.grace_seconds,
                )
                for event_id, result in results.items():
                    if result.admitted or result.lapsed or result.parked:
                        log.info("event %s: %s", event_id, result)
                event_ids = [event_id for event_id, result in results.items() if result.more]
                if not event_ids:
                    break

        await every(TICK_SECONDS, tick, stop)


if __name__ == "__main__":
    run(work)
