"""Carries out the refunds that the ledger decided on, once each, and reports what became of them.

It also sees to money that nobody decided about: stray money of orders that are in no books goes back after a
while, and late money whose tickets nobody could speak for is told to the ledger again. And it tells the ledger
again of what organisers decided, refunds and called off events, until it is in the books.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from functools import partial

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.ids import derived_id
from app.infra.kafka import KafkaUnavailable, Producer, open_producer
from app.infra.mysql import Database, Row, open_database
from app.infra.redis import NotReady, open_redis
from app.orders import calling_off, refund_requests
from app.orders.facts import Fact, PaymentSucceeded, RefundFailed, RefundRequested, RefundSucceeded, records
from app.payments.checkouts import close_checkouts
from app.payments.provider import ProviderUnavailable, RefundRefused
from app.payments.providers import Providers, UnknownProvider, open_providers
from app.sale.events import event_by_id
from app.settings import PROVIDERS, Settings
from app.units import now_ms, to_minor, to_ms
from app.watch.processes import reporting
from workers.runner import Stop, every, run

log = logging.getLogger(__name__)

TICK_SECONDS = 0.5
PAGE = 500
MOST_PAGES = 20  # looked at in one tick; the next one goes on behind them
AT_ONCE = 32  # one that hangs takes one of these and delays no other
ASK_AGAIN_SECONDS = 15.0  # the ledger may not have written the answer yet
LONGEST_PAUSE_SECONDS = 300.0
LOOSE_SECONDS = 5.0
DECISIONS_SECONDS = 1.0
CHECKOUTS_SECONDS = 2.0
TELL_AGAIN_SECONDS = 5.0  # what was decided was told at once; the ledger may be behind
CALL_OFF_AGAIN_SECONDS = 30.0
STRAY_AFTER_SECONDS = 600  # its order may still come, and then takes care of it


async def work(settings: Settings, stop: Stop) -> None:
    """Refunds, until asked to stop."""
    async with (
        open_redis(settings) as redis,
        open_database(settings) as database,
        open_producer(settings) as producer,
        open_providers(settings) as providers,
        reporting(redis, "refunds", database),
    ):
        refunds = Refunds(database, producer, providers)
        loose = LooseMoney(database, producer)
        decisions = Decisions(database, redis, producer)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(every(TICK_SECONDS, refunds.tick, stop))
                group.create_task(every(LOOSE_SECONDS, loose.tick, stop))
                group.create_task(every(DECISIONS_SECONDS, decisions.tick, stop))
                group.create_task(every(CHECKOUTS_SECONDS, partial(close_checkouts, database, providers), stop))
        finally:
            await refunds.stop()


@dataclass
class Asked:
    """A refund that was asked for: how often, and when it is due again."""

    times: int
    due_at: float


class Refunds:
    """Asks whoever took the money to give it back; the refund's id is the key that makes it happen once.

    Some are under way at once, new ones first; one that does not succeed is asked for again more and more rarely.
    """

    def __init__(self, database: Database, producer: Producer, providers: Providers) -> None:
        self._database = database
        self._producer = producer
        self._providers = providers
        self._asked: dict[str, Asked] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._after = ""

    async def tick(self) -> None:
        """Begins as many of the pending refunds as may be under way."""
        due: list[tuple[int, Row]] = []
        pending: set[str] = set()
        now = time.monotonic()
        begun_at = self._after
        for _ in range(MOST_PAGES):
            rows = await self._page(self._after)
            for row in rows:
                pending.add(row["id"])
                asked = self._asked.get(row["id"], Asked(0, 0.0))
                if row["id"] not in self._under_way and now >= asked.due_at:
                    due.append((asked.times, row))
            self._after = rows[-1]["id"] if len(rows) == PAGE else ""
            if not self._after:
                break
        if not begun_at and not self._after:  # all of them were seen
            self._asked = {refund_id: asked for refund_id, asked in self._asked.items() if refund_id in pending}
        due.sort(key=lambda one: one[0])
        for times, row in due[: AT_ONCE - len(self._under_way)]:
            pause_seconds = min(ASK_AGAIN_SECONDS * 2**times, LONGEST_PAUSE_SECONDS)
            self._asked[row["id"]] = Asked(times + 1, now + pause_seconds)
            task = asyncio.create_task(self._refund(row), name=row["id"])
            self._under_way[row["id"]] = task
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task.get_name()]
        if not task.cancelled() and (error := task.exception()):
            log.error("a refund waits for its next turn", exc_info=error)

    async def stop(self) -> None:
        """Interrupts what is under way; it is asked for again, with the same key."""
        under_way = tuple(self._under_way.values())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _page(self, after: str) -> list[Row]:
        return await self._database.fetch_all(
            "SELECT r.id, r.order_id, r.provider, r.amount, r.currency, c.transaction_id FROM payments r"
            " JOIN payments c ON c.id = r.parent_id"
            " WHERE r.status = 'REFUND_PENDING' AND r.id > %s ORDER BY r.id LIMIT %s",
            (after, PAGE),
        )

    async def _refund(self, row: Row) -> None:
        refund_id, order_id = row["id"], row["order_id"]
        fact: RefundSucceeded | RefundFailed
        try:
            transaction_id = await self._providers.named(row["provider"]).refund(
                row["transaction_id"], to_minor(row["amount"]), row["currency"], refund_id
            )
        except (ProviderUnavailable, UnknownProvider) as error:
            log.warning("refund %s of order %s: %s", refund_id, order_id, error)
            return
        except RefundRefused as error:
            log.error("refund %s of order %s is refused: %s", refund_id, order_id, error)
            fact = RefundFailed(
                fact_id=derived_id("refund failed", refund_id),
                order_id=order_id,
                occurred_at_ms=now_ms(),
                refund_id=refund_id,
                reason=str(error)[:200],
            )
        else:
            log.info("order %s: %s %s went back", order_id, row["amount"], row["currency"])
            fact = RefundSucceeded(
                fact_id=derived_id("refund succeeded", refund_id),
                order_id=order_id,
                occurred_at_ms=now_ms(),
                refund_id=refund_id,
                transaction_id=transaction_id,
            )
        try:
            await self._producer.send(records(fact))
        except KafkaUnavailable as error:  # asked again, the provider says the same
            log.warning("refund %s of order %s is done, and cannot be told: %s", refund_id, order_id, error)


class LooseMoney:
    """Money that no decision of the ledger takes care of yet."""

    def __init__(self, database: Database, producer: Producer) -> None:
        self._database = database
        self._producer = producer

    async def tick(self) -> None:
        """Tells the ledger of it, page by page; what it decides about is not found again."""
        after = ""
        while rows := await self._database.fetch_all(
            "SELECT p.*, o.id AS known, l.since < UTC_TIMESTAMP(3) - INTERVAL %s SECOND AS is_stray"
            " FROM late_charges l JOIN payments p ON p.id = l.payment_id LEFT JOIN orders o ON o.id = l.order_id"
            " WHERE l.payment_id > %s ORDER BY l.payment_id LIMIT %s",
            (STRAY_AFTER_SECONDS, after, PAGE),
        ):
            after = rows[-1]["id"]
            facts: list[Fact] = [
                *(_again(row) for row in rows if row["known"]),
                *(_stray_refund(row) for row in rows if not row["known"] and row["is_stray"]),
            ]
            await self._producer.send(records(*facts))


class Decisions:
    """What organisers decided and the books do not have yet."""

    def __init__(self, database: Database, redis: Redis, producer: Producer) -> None:
        self._database = database
        self._redis = redis
        self._producer = producer
        self._called_off_at: dict[int, float] = {}  # event id -> when its orders were told last

    async def tick(self) -> None:
        """Tells the ledger of it, and again while nothing comes of it."""
        facts: list[Fact] = [*await refund_requests.follow(self._database, TELL_AGAIN_SECONDS)]
        for first in range(0, len(facts), PAGE):
            await self._producer.send(records(*facts[first : first + PAGE]))
        for event_id in await calling_off.called_off(self._database):
            now = time.monotonic()
            if now - self._called_off_at.get(event_id, -CALL_OFF_AGAIN_SECONDS) >= CALL_OFF_AGAIN_SECONDS:
                await self._call_off(event_id)
                self._called_off_at[event_id] = now

    async def _call_off(self, event_id: int) -> None:
        event = await event_by_id(self._database, event_id)
        reason = event.called_off_reason
        try:
            await calling_off.close_for_good(self._database, self._redis, event, reason, "the worker")
        except (RedisError, NotReady) as error:
            log.warning(
                "event %s is called off, and its sale closes as soon as Redis is back: %s", event.slug, error
            )
        async for page in calling_off.facts_of(self._database, event_id, reason):
            await self._producer.send(records(*page))


def _again(charge: Row) -> PaymentSucceeded:
    """The fact that a charge was made of: told again it is decided, if somebody can say now."""
    return PaymentSucceeded(
        fact_id=derived_id("payment succeeded", charge["provider"], charge["transaction_id"]),
        order_id=charge["order_id"],
        occurred_at_ms=to_ms(charge["created_at"]),
        payment_id=charge["id"],
        provider=charge["provider"],
        transaction_id=charge["transaction_id"],
        amount_minor=to_minor(charge["amount"]),
        currency=charge["currency"],
    )


def _stray_refund(charge: Row) -> RefundRequested:
    log.warning("order %s is in no books; the money of charge %s goes back", charge["order_id"], charge["id"])
    return RefundRequested(
        fact_id=derived_id("stray", charge["id"]),
        order_id=charge["order_id"],
        occurred_at_ms=now_ms(),
        payment_id=charge["id"],
        amount_minor=to_minor(charge["amount"]),
        reason="no order of this id is in the books",
    )


if __name__ == "__main__":
    run(work, PROVIDERS)
