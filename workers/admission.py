"""Lets buyers in, several times a second. It asks only Redis: whatever becomes of MySQL, the queue moves."""

import logging
import time
from collections.abc import Sequence

from app.infra.epochs import refreshed_epochs
from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.sale.admission import admit
from app.sale.events import events_on_sale
from app.sale.presence import is_presence_known
from app.sale.waits import longest_seconds
from app.settings import Settings
from app.watch.metrics import WAITED
from app.watch.pressure import next_pace
from app.watch.processes import Load, reporting, reports
from workers.runner import Stop, every, run

log = logging.getLogger(__name__)

TICK_SECONDS = 0.2
VALVE_SECONDS = 1.0
MOST_ROUNDS = 20  # in one tick, for events that have more to do at once


class Valve:
    """What part of each event's rate is let in: less while something is too much for a web process."""

    def __init__(self) -> None:
        self.pace = 1.0
        self._noted_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether a second has passed."""
        return time.monotonic() - self._noted_at >= VALVE_SECONDS

    def note(self, loads: Sequence[Load]) -> None:
        """Takes what all processes say of themselves."""
        now = time.monotonic()
        reasons = {reason for load in loads for reason in load.pressed_by}
        pace = next_pace(self.pace, bool(reasons), now - self._noted_at)
        if (pace < 1) != (self.pace < 1):
            log.warning(
                "admission %s", f"slows: {', '.join(sorted(reasons))}" if pace < 1 else "is at its rate again"
            )
        self.pace, self._noted_at = pace, now


async def work(settings: Settings, stop: Stop) -> None:
    """Admission, until asked to stop."""
    valve = Valve()
    async with (
        open_redis(settings) as redis,
        open_database(settings) as database,
        reporting(redis, "admission", database, load=lambda: Load(pace=valve.pace)),
        refreshed_epochs(database),
    ):

        async def tick() -> None:
            event_ids = await events_on_sale(redis)
            if valve.is_due:
                valve.note([report.load for report in await reports(redis) if report.ok])
            may_park = await is_presence_known(redis, settings.grace_seconds)
            for _ in range(MOST_ROUNDS):
                results = await admit(
                    redis,
                    event_ids,
                    overbooking=settings.overbooking,
                    may_park=may_park,
                    grace_seconds=settings.grace_seconds,
                    pace=valve.pace,
                )
                for event_id, result in results.items():
                    if result.admitted or result.lapsed or result.parked:
                        log.info("event %s: %s", event_id, result)
                    for bucket, count in result.waits.items():
                        for _ in range(count):
                            WAITED.observe(longest_seconds(bucket))
                event_ids = [event_id for event_id, result in results.items() if result.more]
                if not event_ids:
                    break

        await every(TICK_SECONDS, tick, stop)


if __name__ == "__main__":
    run(work)
