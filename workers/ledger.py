"""Reads facts from Kafka and has the ledger write them, a batch at a time.

Offsets are committed only after MySQL has the facts and Redis follows. While Redis is unavailable the ledger goes
on writing and leaves the offsets where they are; while MySQL is, it goes back and reads the batch again.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from redis.exceptions import RedisError

from app.infra.epochs import refreshed_epochs
from app.infra.kafka import KafkaUnavailable, Producer, dlq_topic, open_consumer, open_producer
from app.infra.mysql import DatabaseUnavailable, open_database
from app.infra.redis import open_redis
from app.orders.facts import Fact, UndecodableFact, decode, encode
from app.orders.ledger import Ledger
from app.outbound.following import follow
from app.settings import Settings
from app.watch.metrics import FACTS
from app.watch.processes import reporting
from app.watch.progress import Progress
from workers.runner import Stop, every, run

log = logging.getLogger(__name__)

POLL_MS = 100
GATHER_SECONDS = 0.02  # from one batch to the next at least: a commit costs the same for one fact as for many
COMMIT_SECONDS = 1.0  # offsets are committed so often while facts keep coming; what is read again changes nothing
WATCH_SECONDS = 10
LONGEST_BATCH_SECONDS = 60.0  # aiokafka waits for a coordinator, or for a position, without any limit
MOST_UNCOMMITTED = 200_000  # facts written while Redis is unavailable, before the ledger waits for it

Offsets = dict[TopicPartition, int]


class Stalled(Exception):
    """Kafka has facts and this consumer gets none of them, or waits without end: the process starts again."""


async def work(settings: Settings, stop: Stop, checkpoint: Callable[[str], None] = lambda step: None) -> None:
    """The ledger, until asked to stop. `checkpoint` is called with each step that a crash could interrupt."""
    async with (
        open_redis(settings) as redis,
        open_database(settings) as database,
        open_producer(settings) as producer,
        open_consumer(settings) as consumer,
        reporting(redis, "ledger", database),
        refreshed_epochs(database),
    ):
        ledger = Ledger(database, redis, checkpoint, settings.review_ttl_seconds * 1000, follow)
        bookkeeper = Bookkeeper(consumer, ledger, producer, settings, checkpoint)
        await every(0, bookkeeper.batch, stop)


def next_batch_at(began: float, ended: float, *, is_behind: bool) -> float:
    """When the batch after this one begins, in seconds: after a rest as long as this one took, unless more waits.

    What is busy so gathers more facts for each commit and gets less busy: see docs/decisions/0165.
    """
    return ended if is_behind else max(began + GATHER_SECONDS, ended + (ended - began))


class Bookkeeper:
    """Takes batches from Kafka, and keeps the offsets true."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        ledger: Ledger,
        producer: Producer,
        settings: Settings,
        checkpoint: Callable[[str], None],
    ) -> None:
        self._consumer = consumer
        self._ledger = ledger
        self._producer = producer
        self._topic = settings.orders_topic
        self._dlq = dlq_topic(settings)
        self._most = settings.ledger_batch
        self._checkpoint = checkpoint
        self._written: Offsets = {}  # the next offset of each partition with facts written and not committed
        self._uncommitted = 0
        self._committed_at = 0.0
        self._next_at = 0.0
        self._watched_at = time.monotonic()
        self._progress: Progress[TopicPartition] = Progress()

    async def batch(self) -> None:
        """One batch. Where a server is unavailable it goes back to the batch's start and raises what says so.

        Raises Stalled when Kafka has facts and gives none of them, and when a batch does not come to an end.
        """
        try:
            async with asyncio.timeout(LONGEST_BATCH_SECONDS):
                await self._batch()
        except TimeoutError as error:
            raise Stalled(f"a batch took more than {LONGEST_BATCH_SECONDS:.0f} s") from error

    async def _batch(self) -> None:
        await asyncio.sleep(self._next_at - time.monotonic())
        batches: dict[TopicPartition, list[ConsumerRecord]] = await self._consumer.getmany(timeout_ms=POLL_MS)
        began = time.monotonic()
        drained = sum(len(records) for records in batches.values()) < self._most
        self._progress.took(batches, drained=drained)
        if batches:
            try:
                await self._write([record for records in batches.values() for record in records])
            except (DatabaseUnavailable, KafkaUnavailable):
                self._go_back({partition: records[0].offset for partition, records in batches.items()})
                raise
            for partition, records in batches.items():
                self._written[partition] = records[-1].offset + 1
                self._uncommitted += len(records)
        if self._written:
            await self._settle_and_commit(more_may_come=bool(batches))
        await self._watch()
        self._next_at = next_batch_at(began, time.monotonic(), is_behind=not drained)

    async def _write(self, records: list[ConsumerRecord]) -> None:
        facts: list[Fact] = []
        for record in records:
            try:
                facts.append(decode(record.value))
            except UndecodableFact as error:
                await self._to_dlq(record.key or b"", record.value, str(error))
        set_aside = await self._ledger.write(facts)
        for fact in facts:
            FACTS.labels(type(fact).__name__).inc()
        for fact, reason in set_aside:
            await self._to_dlq(fact.order_id.encode(), encode(fact), reason)

    async def _to_dlq(self, key: bytes, value: bytes, reason: str) -> None:
        log.error("to the dlq: %s: %s", key, reason)
        await self._producer.send(
            [(key.decode(errors="replace"), value)], self._dlq, [("reason", reason[:1_000].encode())]
        )

    async def _settle_and_commit(self, *, more_may_come: bool) -> None:
        try:
            await self._ledger.settle()
        except RedisError as error:
            log.warning("redis is unavailable, %d facts are not settled: %s", self._uncommitted, error)
            if self._uncommitted > MOST_UNCOMMITTED:
                raise
            return
        if more_may_come and time.monotonic() - self._committed_at < COMMIT_SECONDS:
            return
        self._checkpoint("before offset commit")
        try:
            await self._consumer.commit(self._written)
        except (KafkaError, IllegalStateError) as error:
            # Normal while partitions move to another ledger: whoever has them reads the facts again.
            log.warning("offsets not committed: %s", error)
        self._written = {}
        self._uncommitted = 0
        self._committed_at = time.monotonic()

    def _go_back(self, offsets: Offsets) -> None:
        for partition, offset in offsets.items():
            try:
                self._consumer.seek(partition, offset)
            except IllegalStateError:
                log.info("%s went to another ledger", partition)

    async def _watch(self) -> None:
        """Now and then, a look at whether there are facts that this ledger does not get. Raises Stalled."""
        if time.monotonic() - self._watched_at < WATCH_SECONDS:
            return
        self._watched_at = time.monotonic()
        try:
            behind = await self._facts_to_come()
        except (KafkaError, IllegalStateError) as error:
            log.warning("kafka is unavailable: %s", error)
            return
        if stuck := self._progress.stuck(behind):
            raise Stalled(", ".join(str(partition) for partition in stuck))

    async def _facts_to_come(self) -> Offsets:
        """Where the partitions with facts to come stand: this ledger's, or the group's when it has none."""
        if mine := self._consumer.assignment():
            positions: Offsets = {p: await self._consumer.position(p) for p in mine}
        else:
            numbers = self._consumer.partitions_for_topic(self._topic) or ()
            if not numbers:
                log.error("kafka has no topic %s: ticketcraze migrate makes it", self._topic)
            all_of_them = [TopicPartition(self._topic, number) for number in numbers]
            positions = {p: await self._consumer.committed(p) or 0 for p in all_of_them}
        ends: Offsets = await self._consumer.end_offsets(list(positions))
        # A position beyond the end is one in a log that was lost and begun anew.
        return {p: at for p, at in positions.items() if at != ends[p] and ends[p]}


if __name__ == "__main__":
    run(work)
