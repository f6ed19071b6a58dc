"""Compares our books with the provider's, and the system with what must always be true.

A charge that the provider has and we do not know of, because its callback was lost, is told to the ledger as if
the callback had come. The verdict of the checks is kept for the dashboard.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from redis.asyncio import Redis

from app.infra.kafka import Producer, open_orders_log, open_producer
from app.infra.keys import VERDICT
from app.infra.mysql import Database, open_database
from app.infra.redis import open_redis
from app.orders.facts import records
from app.organisers.snapshot import KeptVerdict
from app.payments.findings import Reconciler
from app.payments.provider import PaymentNotice, PaymentProvider, ProviderUnavailable, fact_of
from app.payments.providers import open_providers
from app.payments.reconciliation import OVERLAP_MS, booked, booked_until, look, write_booked_until
from app.sale.events import UnknownEvent, event_by_id, events_on_sale
from app.settings import PROVIDERS, Settings
from app.units import iso, now_ms
from app.watch.processes import reporting
from app.watch.verify import verify
from app.watch.verify.finding import MOST_NAMED
from app.watch.verify.rest import money_in_dlq
from workers.runner import Stop, every, run

log = logging.getLogger(__name__)

TICK_SECONDS = 5.0
LOOK_SECONDS = 10.0
NIGHT_HOUR = 4
VERDICT_SECONDS = 30.0
REST_FACTOR = 20  # checking all that was ever sold takes 5% of the time at most
NEAR_OVERLAP_MS = 60_000
FAR_SECONDS = 300.0
CALLBACK_SECONDS = 5.0  # how long a callback may take, by our own clock, before it is looked after
FIRST_PAUSE_SECONDS = 15.0
MOST_UNBOOKED = 100_000
IN_ONE_QUERY = 500
LONGEST_PAUSE_SECONDS = 300.0  # a charge that does not get into the books is told again this often


async def work(settings: Settings, stop: Stop) -> None:
    """Reconciliation, until asked to stop."""
    async with (
        open_redis(settings) as redis,
        open_database(settings) as database,
        open_producer(settings) as producer,
        open_providers(settings) as providers,
        reporting(redis, "reconcile", database),
    ):
        charges = [Charges(database, producer, provider) for provider in providers]
        next_verdict_at = 0.0

        async def tick() -> None:
            nonlocal next_verdict_at
            for of_one in charges:
                await of_one.compare()
            began_at = time.monotonic()
            if began_at >= next_verdict_at:
                await judge(settings, redis, database, charges)
                took_seconds = time.monotonic() - began_at
                next_verdict_at = began_at + max(VERDICT_SECONDS, took_seconds * REST_FACTOR)

        reconciler = Reconciler(database, redis, providers)
        whole_at = 0.0

        async def look() -> None:
            nonlocal whole_at
            whole = time.monotonic() >= whole_at
            try:
                compared = await reconciler.look(whole=whole)
            except ProviderUnavailable as error:
                log.warning("not everything could be compared: %s", error)
                return
            if whole:
                log.info("all of it was compared: %d rows", compared)
                whole_at = time.monotonic() + _seconds_until_night()

        async with asyncio.TaskGroup() as group:
            group.create_task(every(TICK_SECONDS, tick, stop))
            group.create_task(every(LOOK_SECONDS, look, stop))


def _seconds_until_night() -> float:
    """Until it is NIGHT_HOUR again, by UTC."""
    return (NIGHT_HOUR * 3_600 - time.time() - 1) % 86_400 + 1


@dataclass
class Unbooked:
    """A charge that is not in the books, when to tell the ledger of it, and the pause after that."""

    notice: PaymentNotice
    due_at: float
    pause_seconds: float = FIRST_PAUSE_SECONDS
    told: int = 0  # how often


class Charges:
    """Finds charges whose callback was lost, and keeps at each until it is in the books.

    Near looks begin a minute before the newest charge seen. A far look, now and then, begins where all was last
    found booked, less an hour: neither a charge that came late into the list nor a clock that was set hides one.
    Times are the provider's own.
    """

    def __init__(self, database: Database, producer: Producer, provider: PaymentProvider) -> None:
        self._database = database
        self._producer = producer
        self._provider = provider
        self._newest_ms = 0
        self._far_at = 0.0
        self._unbooked: dict[str, Unbooked] = {}

    async def compare(self) -> None:
        """One look at the provider's list."""
        try:
            if time.monotonic() >= self._far_at:
                await self._look_far()
                self._far_at = time.monotonic() + FAR_SECONDS
            else:
                _, newest_ms = await self._look(self._newest_ms - NEAR_OVERLAP_MS)
                self._newest_ms = max(self._newest_ms, newest_ms)
        except ProviderUnavailable as error:
            log.warning("%s", error)
        await self._tell()

    def trouble(self) -> str:
        """What of the provider's charges is not in the books though the ledger was told; empty when nothing is.

        A charge that it was told of just now is no trouble: that is how a lost callback is made up for.
        """
        late = sum(charge.told > 1 for charge in self._unbooked.values())
        return f"charges of {self._provider.name} that are not in the books: {late}" if late else ""

    async def _look_far(self) -> None:
        since_ms = await booked_until(self._database, self._provider.name)
        oldest_unbooked_ms, newest_ms = await self._look(since_ms - OVERLAP_MS)
        self._newest_ms = newest_ms or since_ms  # not the greater one: the provider's clock may have been set back
        # A charge that is not booked holds the mark back, and so does our own clock where the provider's is ahead.
        until_ms = min(oldest_unbooked_ms or newest_ms, newest_ms, now_ms())
        if until_ms:
            await write_booked_until(self._database, self._provider.name, until_ms)

    async def _look(self, since_ms: int) -> tuple[int, int]:
        """Notes what is not booked; the times of the oldest such charge and of the newest of all, 0 for none."""
        oldest_unbooked_ms = newest_ms = 0
        async for page in look(self._database, self._provider, max(since_ms, 0)):
            for notice in page.unbooked:
                oldest_unbooked_ms = min(oldest_unbooked_ms or notice.occurred_at_ms, notice.occurred_at_ms)
                if len(self._unbooked) < MOST_UNBOOKED:  # the others are found by the next far look
                    due_at = time.monotonic() + CALLBACK_SECONDS
                    self._unbooked.setdefault(notice.transaction_id, Unbooked(notice, due_at))
            newest_ms = max(newest_ms, page.newest_ms)
        return oldest_unbooked_ms, newest_ms

    async def _tell(self) -> None:
        """Tells the ledger of what is still not booked, each charge more and more rarely."""
        now = time.monotonic()
        due = [transaction_id for transaction_id, charge in self._unbooked.items() if now >= charge.due_at]
        for first in range(0, len(due), IN_ONE_QUERY):
            page = due[first : first + IN_ONE_QUERY]
            facts = []
            for transaction_id in await booked(self._database, self._provider.name, page):
                del self._unbooked[transaction_id]
            for charge in (self._unbooked[id_] for id_ in page if id_ in self._unbooked):
                log.warning("order %s was paid, and the books do not have it", charge.notice.order_id)
                facts.append(fact_of(charge.notice))
                charge.told += 1
                charge.due_at = now + charge.pause_seconds
                charge.pause_seconds = min(charge.pause_seconds * 2, LONGEST_PAUSE_SECONDS)
            if facts:
                await self._producer.send(records(*facts))


async def judge(settings: Settings, redis: Redis, database: Database, charges: Sequence[Charges]) -> None:
    """Checks what must always be true of the sales that are not over, and keeps the verdict."""
    failed = []
    for event_id in await events_on_sale(redis):
        with suppress(UnknownEvent):
            event = await event_by_id(database, event_id)
            checks = await verify(settings, redis, database, event, None)
            failed += [f"{event.slug}: {check.title}: {check.detail}" for check in checks if not check.ok]
    async with open_orders_log(settings) as orders_log:
        facts_behind, _ = await orders_log.lag()
        letters = await orders_log.dlq()
    failed += await money_in_dlq(database, letters)
    failed += [line for of_one in charges if (line := of_one.trouble())]
    for line in failed:
        log.error("%s", line)
    verdict = KeptVerdict(not failed, iso(now_ms()), failed[:MOST_NAMED], facts_behind, len(letters))
    await redis.set(VERDICT, msgspec.json.encode(verdict))


if __name__ == "__main__":
    run(work, PROVIDERS)
