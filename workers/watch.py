"""Makes each sale's snapshot for its organisers, once a second and for everybody who looks, and keeps its history.

What a sale has come to is told in its feed.

One process does it at a time; another one stands in as soon as it is silent.
"""

import asyncio
import logging

from app.infra.epochs import refreshed_epochs
from app.infra.mysql import DatabaseUnavailable, open_database
from app.infra.redis import NotReady, open_redis
from app.organisers.dashboard import Dashboard
from app.organisers.feed import Feed
from app.organisers.history import Recorder
from app.organisers.snapshot import Snapshot
from app.organisers.watching import may_make, publish
from app.sale.catalog import Event
from app.sale.events import events_on_sale, read_events
from app.settings import Settings
from app.watch.processes import FORGOTTEN_MS, all_reports, reporting
from workers.runner import Stop, every, run

log = logging.getLogger(__name__)

SNAPSHOT_SECONDS = 1.0
FORGET_SECONDS = 600.0
TELL_SECONDS = 10.0
AT_ONCE = 8


async def work(settings: Settings, stop: Stop) -> None:
    """Watching, until asked to stop."""
    async with (
        open_redis(settings) as redis,
        open_database(settings) as database,
        reporting(redis, "watch", database),
        refreshed_epochs(database),
        asyncio.TaskGroup() as group,
    ):
        dashboard, recorder, feed = Dashboard(redis, database), Recorder(database), Feed(database)
        known: list[Event] = []
        on_sale: list[Event] = []  # while it is this process that watches
        some = asyncio.Semaphore(AT_ONCE)

        async def snapshot_of(event: Event) -> Snapshot | None:
            try:
                async with some:
                    return await dashboard.snapshot(event, fresh=True)
            except (NotReady, DatabaseUnavailable) as error:
                log.warning("event %d: no snapshot: %s", event.id, error or type(error).__name__)
                return None

        async def look() -> None:
            nonlocal known, on_sale
            if not await may_make(redis):
                on_sale = []
                return
            event_ids = await events_on_sale(redis)
            try:
                known = await read_events(database, event_ids)
            except DatabaseUnavailable:
                log.warning("events are as they were read last")
            on_sale = [event for event in known if event.id in event_ids]
            made = await asyncio.gather(*map(snapshot_of, on_sale))
            by_slug = {event.slug: event.id for event in known}
            snapshots = {by_slug[snapshot.event.slug]: snapshot for snapshot in made if snapshot}
            await publish(redis, snapshots)
            await recorder.record(snapshots)
            await feed.tell_sales(snapshots)

        async def tell() -> None:
            await feed.tell_restarts([event.id for event in on_sale], await all_reports(redis), FORGOTTEN_MS)
            await feed.tell_providers(on_sale)

        group.create_task(every(SNAPSHOT_SECONDS, look, stop))
        group.create_task(every(TELL_SECONDS, tell, stop))
        group.create_task(every(FORGET_SECONDS, recorder.forget, stop))


if __name__ == "__main__":
    run(work)
