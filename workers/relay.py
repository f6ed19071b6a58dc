"""Carries the outbox of every event to Kafka.

Entries stay in the outbox until the ledger has written them to MySQL and deletes them. What is still there long
after it was sent is sent again, so a lost Kafka log or a dead relay costs a repeat, never an order.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app.infra.kafka import KafkaUnavailable, Producer, open_producer
from app.infra.keys import key
from app.infra.redis import NotReady, open_redis
from app.orders.facts import records
from app.orders.reservations import OUTBOX_GROUP, fact_of_entry
from app.sale.events import events_on_sale
from app.settings import Settings
from app.watch.processes import reporting
from workers.runner import Stop, every, run

log = logging.getLogger(__name__)

MOST_AT_ONCE = 1_000
WAIT_MS = 100  # how long an empty outbox is watched before new events are looked for
NO_EVENTS_SECONDS = 0.2
RESEND_AFTER_SECONDS = 30
LONGEST_RESEND_SECONDS = 60  # from the second repeat on, so that a ledger that is down is not buried
RESEND_CHECK_SECONDS = 5
CONSUMER = "relay"  # one name for all relays: a new one goes on with what the last one had

Entries = list[tuple[str, dict[str, str]]]


async def work(settings: Settings, stop: Stop, checkpoint: Callable[[str], None] = lambda step: None) -> None:
    """The relay, until asked to stop. `checkpoint` is called with each step that a crash could interrupt."""
    async with (
        open_redis(settings) as redis,
        open_producer(settings) as producer,
        reporting(redis, "relay"),
    ):
        relay = Relay(redis, producer, checkpoint)
        await every(NO_EVENTS_SECONDS, relay.carry, stop)


class Relay:
    """Sends what is new, and again what was sent long ago and is still there."""

    def __init__(self, redis: Redis, producer: Producer, checkpoint: Callable[[str], None]) -> None:
        self._redis = redis
        self._producer = producer
        self._checkpoint = checkpoint
        self._taken_over: set[str] = set()  # outboxes whose entries this process knows to have been sent
        self._check_again_at = 0.0
        self._repeated: set[str] = set()  # entries sent again and still there: Redis counts other deliveries too

    async def carry(self) -> bool:
        """Sends a batch of every outbox, waiting a little for one; False when there are no events."""
        outboxes = [key(event_id, "outbox") for event_id in await events_on_sale(self._redis)]
        for outbox in set(outboxes) - self._taken_over:
            await self._take_over(outbox)
        try:
            if time.monotonic() >= self._check_again_at:
                still_there = [entry for outbox in outboxes for entry in await self._send_again(outbox)]
                self._repeated.intersection_update(still_there)
                self._check_again_at = time.monotonic() + RESEND_CHECK_SECONDS
            if outboxes:
                for outbox, entries in await self._read(dict.fromkeys(outboxes, ">"), WAIT_MS):
                    await self._send(outbox, entries)
        except ResponseError as error:  # Redis lost a group: the next time all are taken over again
            self._taken_over.clear()
            raise NotReady(str(error)) from error
        return bool(outboxes)

    async def _take_over(self, outbox: str) -> None:
        """Sends what an earlier relay read and perhaps did not send."""
        with suppress(ResponseError):  # the group is there
            await self._redis.xgroup_create(outbox, OUTBOX_GROUP, id="0", mkstream=True)
        after = "0"
        while batches := await self._read({outbox: after}):
            for _, entries in batches:
                await self._send(outbox, entries)
                after = entries[-1][0]
        self._taken_over.add(outbox)

    async def _send_again(self, outbox: str) -> list[str]:
        """Sends again what was sent long ago; all entries that were, page by page."""
        waiting: list[str] = []
        while True:
            page: list[dict[str, Any]] = await self._redis.xpending_range(
                outbox,
                OUTBOX_GROUP,
                min=f"({waiting[-1]}" if waiting else "-",
                max="+",
                count=MOST_AT_ONCE,
                idle=RESEND_AFTER_SECONDS * 1000,
            )
            waiting += [entry["message_id"] for entry in page]
            overdue = [
                entry["message_id"]
                for entry in page
                if entry["message_id"] not in self._repeated
                or entry["time_since_delivered"] >= LONGEST_RESEND_SECONDS * 1000
            ]
            if overdue:
                log.warning("%s: %d entries are not in the books yet; sending them again", outbox, len(overdue))
                claimed = await self._redis.xclaim(outbox, OUTBOX_GROUP, CONSUMER, 0, overdue)
                await self._send(outbox, cast(Entries, claimed))
                self._repeated.update(overdue)
            if len(page) < MOST_AT_ONCE:
                return waiting

    async def _read(self, after: dict[str, str], wait_ms: int | None = None) -> list[tuple[str, Entries]]:
        found = await self._redis.xreadgroup(
            OUTBOX_GROUP, CONSUMER, cast(Any, after), count=MOST_AT_ONCE, block=wait_ms
        )
        return [(outbox, entries) for outbox, entries in cast(list[tuple[str, Entries]], found) if entries]

    async def _send(self, outbox: str, entries: Entries) -> None:
        # an entry that was deleted meanwhile has no fields any more
        facts = [fact_of_entry(outbox_id, entry) for outbox_id, entry in entries if entry]
        self._checkpoint("before send")
        try:
            await self._producer.send(records(*facts))
        except KafkaUnavailable:
            self._taken_over.discard(outbox)  # send them again as soon as Kafka is back
            raise
        self._checkpoint("after send")


if __name__ == "__main__":
    run(work)
