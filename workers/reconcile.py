"""Compares our books with the provider's, and the system with what must always be true.

A charge that the provider has and we do not know of, because its callback was lost, is told to the ledger as if
the callback had come. The verdict of the checks is kept for the dashboard.
"""

import logging
import time

import msgspec
from redis.asyncio import Redis

from app.infra.kafka import Producer, open_orders_log, open_producer
from app.infra.keys import VERDICT
from app.infra.mysql import Database, in_list, open_database
from app.infra.redis import open_redis
from app.orders.facts import records
from app.payments.provider import PaymentNotice, PaymentProvider, ProviderUnavailable, fact_of
from app.payments.providers import open_providers
from app.settings import PROVIDERS, Settings
from app.units import iso, now_ms
from app.watch.processes import reporting
from app.watch.verify import verify
from workers.runner import Stop, every, run

log = logging.getLogger(__name__)

TICK_SECONDS = 5.0
VERDICT_SECONDS = 30.0
REST_FACTOR = 20  # checking all that was ever sold takes 5% of the time at most
LOOK_BACK_MS = 24 * 3_600_000  # the first look after a start
OVERLAP_MS = 60_000  # later looks begin this long before the end of the last one
CALLBACK_MS = 5_000  # so long a callback may take before it is looked after
IN_ONE_QUERY = 500


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
                await judge(settings, redis, database)
                took_seconds = time.monotonic() - began_at
                next_verdict_at = began_at + max(VERDICT_SECONDS, took_seconds * REST_FACTOR)

        await every(TICK_SECONDS, tick, stop)


class Charges:
    """Finds charges whose callback was lost."""

    def __init__(self, database: Database, producer: Producer, provider: PaymentProvider) -> None:
        self._database = database
        self._producer = producer
        self._provider = provider
        self._since_ms = now_ms() - LOOK_BACK_MS

    async def compare(self) -> None:
        """One look at the provider's list."""
        until_ms = now_ms()
        try:
            notices = await self._provider.list_transactions(self._since_ms)
        except ProviderUnavailable as error:
            log.warning("%s", error)
            return
        settled = [notice for notice in notices if notice.occurred_at_ms < until_ms - CALLBACK_MS]
        for first in range(0, len(settled), IN_ONE_QUERY):
            await self._tell_missing(settled[first : first + IN_ONE_QUERY])
        self._since_ms = max(self._since_ms, until_ms - OVERLAP_MS)

    async def _tell_missing(self, notices: list[PaymentNotice]) -> None:
        ids = [notice.transaction_id for notice in notices]
        rows = await self._database.fetch_all(
            "SELECT transaction_id FROM payments"  # noqa: S608  # only placeholders are put together
            f" WHERE provider = %s AND transaction_id IN {in_list(ids)}",
            [self._provider.name, *ids],
        )
        known = {row["transaction_id"] for row in rows}
        for notice in notices:
            if notice.transaction_id not in known:
                log.warning("order %s was paid and no callback came", notice.order_id)
                await self._producer.send(records(fact_of(notice)))


async def judge(settings: Settings, redis: Redis, database: Database) -> None:
    """Checks what must always be true, and keeps the verdict."""
    checks = await verify(settings, redis, database, None, None)
    failed = [f"{check.title}: {check.detail}" for check in checks if not check.ok]
    for line in failed:
        log.error("%s", line)
    async with open_orders_log(settings) as orders_log:
        facts_behind, _ = await orders_log.lag()
        dead_letters = await orders_log.dlq()
    verdict = {
        "ok": not failed,
        "checked_at": iso(now_ms()),
        "failed": failed,
        "lag": facts_behind,
        "dlq": dead_letters.reasons.total() + len(dead_letters.unexplained),
    }
    await redis.set(VERDICT, msgspec.json.encode(verdict))


if __name__ == "__main__":
    run(work, PROVIDERS)
