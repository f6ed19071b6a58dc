"""Kafka: the producer of facts, the ledger's consumer, the topics, and a look at the log from outside."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, TopicAlreadyExistsError

from app.infra import traces
from app.settings import Settings

log = logging.getLogger(__name__)

KAFKA_SECONDS = 5.0
COORDINATOR_SECONDS = 20.0
PARTITIONS = 16
MOST_RECORDS = 10_000  # the newest of a partition of the dlq
READ_MS = 500
RETENTION, UNLIMITED = "retention.ms", "-1"
OF_TOPIC = 1  # where Kafka says a setting comes from: the topic itself, and not the broker or a default
REPLAYED = "replayed"  # header of the record that says which dead letter was told again
METADATA_MS = 5_000  # for this long at most a ledger does not know that its topic was made anew
FETCH_WAIT_MS = 20  # a fetch that waits for records makes every other question wait behind it

Offsets = dict[TopicPartition, int]
Record = tuple[str, bytes]  # order id, encoded fact


class KafkaUnavailable(Exception):
    """Kafka did not confirm a fact in time. It may still get there; facts can be sent again."""


def connection_options(settings: Settings) -> dict[str, Any]:
    """Where Kafka is and how it is spoken to, for every client of aiokafka."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ssl_ca or None)
    if settings.kafka_security_protocol.startswith("SASL_"):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = settings.kafka_sasl_password
    return options


class Producer:
    """Where facts are sent: the topic `orders`, confirmed by all replicas."""

    def __init__(self, settings: Settings) -> None:
        self.topic = settings.orders_topic
        self._producer = AIOKafkaProducer(
            **connection_options(settings),
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            max_batch_size=262_144,
            request_timeout_ms=int(KAFKA_SECONDS * 1000),
        )
        self._started = False

    async def start(self) -> None:
        """Connects, trying until Kafka is there."""
        while not self._started:
            try:
                await self._producer.start()
                self._started = True
            except KafkaError as error:
                log.warning("kafka is unavailable: %s", error)
                await asyncio.sleep(1)

    async def check(self) -> None:
        """Raises KafkaUnavailable or KafkaError when no broker answers."""
        if not self._started:
            raise KafkaUnavailable("not connected yet")
        await self._producer.client.fetch_all_metadata()

    async def send(
        self,
        records: Sequence[Record],
        topic: str | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Sends records and waits until all are confirmed. Raises KafkaUnavailable."""
        if not self._started:
            raise KafkaUnavailable("not connected yet")
        began_ns = traces.began()
        try:
            async with asyncio.timeout(KAFKA_SECONDS):
                sent = [
                    await self._producer.send(
                        topic or self.topic, key=order_id.encode(), value=record, headers=headers
                    )
                    for order_id, record in records
                ]
                await asyncio.gather(*sent)
        except (KafkaError, TimeoutError) as error:
            raise KafkaUnavailable(str(error) or "no answer in time") from error
        if traces.is_on() and topic is None:
            for order_id, record in records:
                traces.tell("send", order_id, began_ns, record, traces.REQUEST)

    async def stop(self) -> None:
        """Disconnects; what is not confirmed within the time limit is given up."""
        with suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(KAFKA_SECONDS):
                await self._producer.stop()


@asynccontextmanager
async def open_producer(settings: Settings, *, wait: bool = True) -> AsyncIterator[Producer]:
    """A producer of facts. With `wait` false it connects in the background and refuses to send until it has."""
    producer = Producer(settings)
    connecting = asyncio.create_task(producer.start())
    try:
        if wait:
            await connecting
        yield producer
    finally:
        connecting.cancel()
        with suppress(asyncio.CancelledError):
            await connecting
        await producer.stop()


@asynccontextmanager
async def open_consumer(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """A ledger's consumer of the topic `orders`, which commits only when told to."""
    consumer = AIOKafkaConsumer(
        settings.orders_topic,
        **connection_options(settings),
        group_id=settings.ledger_group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=settings.ledger_batch,
        session_timeout_ms=6_000,  # the shortest that brokers allow: a killed ledger's orders wait,
        heartbeat_interval_ms=1_000,
        metadata_max_age_ms=METADATA_MS,
        request_timeout_ms=int(KAFKA_SECONDS * 1000) + 6_000,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        with suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(KAFKA_SECONDS):
                await consumer.stop()


def dlq_topic(settings: Settings) -> str:
    """The topic of records that could not be decoded or applied."""
    return f"{settings.orders_topic}.dlq"


async def create_topics(settings: Settings) -> None:
    """Creates the topics that are missing, with up to three replicas. Raises KafkaUnavailable."""
    admin = AIOKafkaAdminClient(**connection_options(settings))
    try:
        await admin.start()
        replicas = min(3, len((await admin.describe_cluster())["brokers"]))
        # A fact that was confirmed outlives the loss of a broker; the dlq is nobody's to forget.
        safe = {"min.insync.replicas": str(max(1, replicas - 1))}
        topics = [
            NewTopic(settings.orders_topic, PARTITIONS, replicas, topic_configs=safe),
            NewTopic(dlq_topic(settings), 1, replicas, topic_configs={**safe, RETENTION: UNLIMITED}),
        ]
        answer = (await admin.create_topics(topics)).to_object()
        there = {t["topic"] for t in answer["topic_errors"] if t["error_code"] == TopicAlreadyExistsError.errno}
        if dlq_topic(settings) in there:
            await _keep_for_ever(admin, dlq_topic(settings))
        await _wait_for_coordinator(admin, settings.ledger_group)
    except (KafkaError, TimeoutError) as error:
        raise KafkaUnavailable(str(error) or "no answer in time") from error
    finally:
        await admin.close()
    for topic in answer["topic_errors"]:
        if topic["error_code"] not in (0, TopicAlreadyExistsError.errno):
            raise KafkaUnavailable(f"topic {topic['topic']}: {topic['error_message']}")


async def _keep_for_ever(admin: AIOKafkaAdminClient, topic: str) -> None:
    """Has a topic that somebody else made keep its records without limit; whatever else was set there stays."""
    [described] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    [(error, message, _, _, entries)] = described.resources
    if error:
        raise KafkaUnavailable(f"topic {topic}: {message}")
    of_topic = {name: value for name, value, _, source, *_ in entries if source == OF_TOPIC}
    if of_topic.get(RETENTION) != UNLIMITED:
        wanted = {**of_topic, RETENTION: UNLIMITED}  # Kafka takes all of them, or forgets the others
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, wanted)])


async def check_kafka(settings: Settings) -> None:
    """Raises KafkaUnavailable unless a broker answers and has both topics; it changes nothing."""
    admin = AIOKafkaAdminClient(**connection_options(settings), request_timeout_ms=int(KAFKA_SECONDS * 1000))
    try:
        async with _in_time():
            await admin.start()
            topics = await admin.list_topics()
    finally:
        await admin.close()
    missing = {settings.orders_topic, dlq_topic(settings)} - set(topics)
    if missing:
        raise KafkaUnavailable(f"missing topics: {', '.join(sorted(missing))}")


async def _wait_for_coordinator(admin: AIOKafkaAdminClient, group: str) -> None:
    """A new Kafka makes its topic of offsets when first asked for a group's, and says so with errors meanwhile."""
    async with asyncio.timeout(COORDINATOR_SECONDS):
        while True:
            try:
                await admin.list_consumer_group_offsets(group)
                return
            except GroupCoordinatorNotAvailableError:
                await asyncio.sleep(0.1)


@dataclass(frozen=True)
class DeadLetter:
    """A record of the dlq. `id` is its partition and offset, as in "0:17"; `reason` may be empty."""

    id: str
    key: str
    value: bytes
    reason: str
    at_ms: int


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
        ends = await self.ends()
        return await self.behind(ends), sum(ends.values())

    async def ends(self) -> Offsets:
        """Where each partition ends now."""
        async with _in_time():
            ends: Offsets = await self._consumer.end_offsets(self._partitions(dlq=False))
        return ends

    async def behind(self, ends: Offsets) -> int:
        """How many of the facts before these ends the ledger has not taken."""
        async with _in_time():
            committed = await self._admin.list_consumer_group_offsets(self._group, partitions=list(ends))
            firsts = await self._consumer.beginning_offsets(list(ends))
            lasts = await self._consumer.end_offsets(list(ends))
        behind = 0
        for partition, end in ends.items():
            at = committed[partition].offset if partition in committed else -1
            # Nothing committed, or a log that was lost and begun anew: the ledger reads it from its beginning.
            behind += max(0, end - (at if firsts[partition] <= at <= lasts[partition] else firsts[partition]))
        return behind

    async def dlq(self) -> list[DeadLetter]:
        """What is in the dlq and was not replayed, oldest first: of the newest MOST_RECORDS records."""
        partitions = self._partitions(dlq=True)
        letters: dict[str, DeadLetter] = {}
        replayed: set[str] = set()
        async with _in_time():
            firsts = await self._consumer.beginning_offsets(partitions)
            ends = await self._consumer.end_offsets(partitions)
            for partition in partitions:
                self._consumer.seek(partition, max(firsts[partition], ends[partition] - MOST_RECORDS))
            self._consumer.resume(*partitions)
            while any([await self._consumer.position(p) < ends[p] for p in partitions]):
                batches = await self._consumer.getmany(*partitions, timeout_ms=READ_MS)
                for record in (record for records in batches.values() for record in records):
                    said = {name: value.decode(errors="replace") for name, value in record.headers}
                    if REPLAYED in said:
                        replayed.add(said[REPLAYED])
                        continue
                    letter = DeadLetter(
                        id=f"{record.partition}:{record.offset}",
                        key=(record.key or b"").decode(errors="replace"),
                        value=record.value or b"",
                        reason=said.get("reason", ""),
                        at_ms=record.timestamp,
                    )
                    letters[letter.id] = letter
            self._consumer.pause(*partitions)
        return [letter for letter in letters.values() if letter.id not in replayed]


async def replay(settings: Settings, producer: Producer, letter: DeadLetter) -> None:
    """Tells the ledger of a dead letter again, then notes in the dlq that it was. Raises KafkaUnavailable.

    A fact that comes twice changes nothing, so an interrupted replay may be repeated.
    """
    await producer.send([(letter.key, letter.value)])
    await producer.send([(letter.key, b"")], dlq_topic(settings), [(REPLAYED, letter.id.encode())])


@asynccontextmanager
async def open_orders_log(settings: Settings) -> AsyncIterator[OrdersLog]:
    """Connects to Kafka. Raises KafkaUnavailable, also when a topic is missing."""
    consumer = AIOKafkaConsumer(
        settings.orders_topic,
        dlq_topic(settings),
        **connection_options(settings),
        request_timeout_ms=int(KAFKA_SECONDS * 1000),
        fetch_max_wait_ms=FETCH_WAIT_MS,
    )
    admin = AIOKafkaAdminClient(**connection_options(settings), request_timeout_ms=int(KAFKA_SECONDS * 1000))
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
