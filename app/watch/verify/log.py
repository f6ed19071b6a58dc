"""The topic `orders` and its dlq, looked at from outside: how far the ledger is, and what it could not use."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from app.infra.clients import KAFKA_SECONDS, KafkaUnavailable, dlq_topic
from app.settings import Settings

MOST_RECORDS = 10_000  # the newest of a partition of the dlq
READ_MS = 500
FETCH_WAIT_MS = 20  # a fetch that waits for records makes every other question wait behind it


@dataclass
class DeadLetters:
    """The dlq: how many records for each reason, and which (partition:offset) have none."""

    reasons: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)


class OrdersLog:
    """Reads without being a member of any group. Raises KafkaUnavailable."""

    def __init__(self, settings: Settings, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> None:
        self._topic = settings.orders_topic
        self._group = settings.ledger_group
        self._consumer = consumer
        self._admin = admin

    def _partitions(self, *, dlq: bool) -> list[TopicPartition]:
        return [p for p in self._consumer.assignment() if (p.topic != self._topic) == dlq]

    async def lag(self) -> tuple[int, int]:
        """How many facts the ledger has not taken, and a figure that grows with every fact."""
        partitions = self._partitions(dlq=False)
        async with _in_time():
            committed = await self._admin.list_consumer_group_offsets(self._group, partitions=partitions)
            firsts = await self._consumer.beginning_offsets(partitions)
            ends = await self._consumer.end_offsets(partitions)
        lag = 0
        for partition in partitions:
            first, end = firsts[partition], ends[partition]
            at = committed[partition].offset if partition in committed else -1
            # Nothing committed, or a log that was lost and begun anew: the ledger reads it from its beginning.
            lag += end - (at if first <= at <= end else first)
        return lag, sum(ends.values())

    async def dlq(self) -> DeadLetters:
        """What is in the dlq."""
        partitions = self._partitions(dlq=True)
        letters = DeadLetters()
        async with _in_time():
            firsts = await self._consumer.beginning_offsets(partitions)
            ends = await self._consumer.end_offsets(partitions)
            for partition in partitions:
                self._consumer.seek(partition, max(firsts[partition], ends[partition] - MOST_RECORDS))
            self._consumer.resume(*partitions)
            while any([await self._consumer.position(p) < ends[p] for p in partitions]):
                batches = await self._consumer.getmany(*partitions, timeout_ms=READ_MS)
                for record in (record for records in batches.values() for record in records):
                    reason = dict(record.headers).get("reason", b"").decode(errors="replace")
                    if reason:
                        letters.reasons[reason] += 1
                    else:
                        letters.unexplained.append(f"{record.partition}:{record.offset}")
            self._consumer.pause(*partitions)
        return letters


@asynccontextmanager
async def open_orders_log(settings: Settings) -> AsyncIterator[OrdersLog]:
    """Connects to Kafka. Raises KafkaUnavailable, also when a topic is missing."""
    consumer = AIOKafkaConsumer(
        settings.orders_topic,
        dlq_topic(settings),
        bootstrap_servers=settings.kafka_bootstrap_servers,
        request_timeout_ms=int(KAFKA_SECONDS * 1000),
        fetch_max_wait_ms=FETCH_WAIT_MS,
    )
    admin = AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka_bootstrap_servers, request_timeout_ms=int(KAFKA_SECONDS * 1000)
    )
    try:
        async with _in_time():
            await consumer.start()
            await admin.start()
        consumer.pause(*consumer.assignment())  # mostly only offsets are asked for
        yield OrdersLog(settings, consumer, admin)
    finally:
        with suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(KAFKA_SECONDS):
                await consumer.stop()
                await admin.close()


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(2 * KAFKA_SECONDS):
            yield
    except (KafkaError, TimeoutError) as error:
        raise KafkaUnavailable(str(error) or "no answer in time") from error
