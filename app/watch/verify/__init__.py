"""What must always be true, checked against the running servers: `ticketcraze verify`.

1 to 6 hold at every instant, in the middle of a sale too: Redis is read by one script an event, MySQL in one
snapshot. 7 to 13 compare the parts with each other, so they count only when nothing is on its way between them.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from app.infra.kafka import open_orders_log
from app.infra.mysql import Database
from app.sale.catalog import Event
from app.sale.events import list_events
from app.settings import Settings
from app.watch.verify.books import Books, snapshot
from app.watch.verify.charges import check_charges
from app.watch.verify.figures import check_figures
from app.watch.verify.finding import Figures, Finding
from app.watch.verify.rest import check_answers, check_leaks, check_motion, read_motion
from app.watch.verify.stock import check_holds, check_sum, compare, read_sales
from app.watch.verify.tickets import check_tickets

MOST_EVENTS = 10_000
NAMED_IN_DETAIL = 5
POLL_SECONDS = 0.2

TITLES = {
    1: "Redis: nothing below zero, and available + held + sold = capacity",
    2: "Redis: the hold records add up to what is held, and nobody is over the limit",
    3: "MySQL: the orders add up to held and sold, the audit to what is available",
    4: "Totals are price times quantity, and what is confirmed is paid",
    5: "Refunds stay within their charges, and the money kept is what the orders say",
    6: "Every transaction of a provider is counted once",
    7: "Redis and MySQL count the same",
    8: "Nothing is on its way, and the dlq says why and holds no money",
    9: "Every order that was answered exists once, and no other",
    10: "No hold is overdue, and no process is silent or leaks",
    11: "Every charge of a provider is booked, for an order or on its way back",
    12: "As many tickets are good as were bought, each is used once at most, and what was mailed is good",
    13: "The figures that organisers see are what the books add up to",
}


@dataclass(frozen=True)
class Check:
    """One thing that must be true. `detail` is empty when it is, else it names some of what is wrong."""

    number: int
    title: str
    ok: bool
    figures: Figures
    detail: str


async def verify(
    settings: Settings, redis: Redis, database: Database, event: Event | None, at_rest_seconds: float | None
) -> list[Check]:
    """Checks one event, or all of them for None: 1 to 6 without `at_rest_seconds`.

    With it: waits this many seconds at most until nothing is on its way, then checks all thirteen. If something
    happened while it looked, or a charge is not booked yet, it looks again, as long as there is time.

    Raises RedisError, DatabaseUnavailable, KafkaUnavailable.
    """
    listed = [event] if event else await list_events(database, MOST_EVENTS, for_organisers=True)
    # Redis has nothing to say of the others: nothing yet, or nothing more.
    events = [event for event in listed if not event.purged and event.state != "draft"]
    event_id = event.id if event else None
    if at_rest_seconds is None:
        return (await _check_always(redis, database, events, event_id))[:6]
    async with open_orders_log(settings) as log:
        deadline = time.monotonic() + at_rest_seconds
        while True:
            motion = await read_motion(redis, database, log, events, event_id)
            if motion.none or time.monotonic() >= deadline:
                charges = await check_charges(settings, database, events, event)
                checks = [
                    *await _check_always(redis, database, events, event_id),
                    _check(8, await check_motion(database, log, motion)),
                    _check(9, await check_answers(redis, database, events, event_id)),
                    _check(10, await check_leaks(redis, database, events)),
                    _check(11, charges),
                    _check(12, await _check_tickets(database, event_id)),
                    _check(13, await _check_figures(database, event_id)),
                ]
                if time.monotonic() >= deadline:
                    return checks
                all_booked = not charges.figures["unbooked"]  # a lost callback is made up for in a few seconds
                if all_booked and motion == await read_motion(redis, database, log, events, event_id):
                    return checks
            await asyncio.sleep(POLL_SECONDS)


async def _check_always(
    redis: Redis, database: Database, events: Sequence[Event], event_id: int | None
) -> list[Check]:
    """1 to 6, and 7 which needs the same reading but means something only at rest."""
    sales = await read_sales(redis, events)
    async with snapshot(database) as connection:
        books = Books(connection, event_id)
        return [
            _check(1, check_sum(events, sales)),
            _check(2, check_holds(events, sales)),
            _check(3, await books.check_stock()),
            _check(4, await books.check_totals()),
            _check(5, await books.check_money()),
            _check(6, await books.check_transactions()),
            _check(7, compare(events, sales, await books.stock())),
        ]


async def _check_tickets(database: Database, event_id: int | None) -> Finding:
    async with snapshot(database) as connection:
        return await check_tickets(connection, event_id)


async def _check_figures(database: Database, event_id: int | None) -> Finding:
    async with snapshot(database) as connection:
        return await check_figures(connection, event_id)


def _check(number: int, finding: Finding) -> Check:
    named = finding.problems[:NAMED_IN_DETAIL]
    if len(finding.problems) > NAMED_IN_DETAIL:
        named.append(f"and {len(finding.problems) - NAMED_IN_DETAIL} more")
    return Check(number, TITLES[number], not finding.problems, finding.figures, "; ".join(named))
