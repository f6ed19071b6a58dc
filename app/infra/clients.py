"""Opens and closes Redis, Kafka and MySQL; nobody else does."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, TopicAlreadyExistsError
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.infra.mysql import Database
from app.orders.facts import Fact, encode
from app.settings import Settings

log = logging.getLogger(__name__)

REDIS_CONNECTIONS = 32
REDIS_SECONDS = 2.0
KAFKA_SECONDS = 5.0
COORDINATOR_SECONDS = 20.0
PARTITIONS = 16


@asynccontextmanager
async def open_redis(settings: Settings, kind: type[Redis] = Redis) -> AsyncIterator[Redis]:
    """A Redis client. It waits for a free connection rather than fail, and never repeats a command by itself."""
    pool = BlockingConnectionPool.from_url(
        settings.redis_url,
        max_connections=REDIS_CONNECTIONS,
        timeout=REDIS_SECONDS,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
    )
    redis = kind(connection_pool=pool)
    try:
        yield redis
    finally:
        await redis.aclose()
        await pool.aclose()


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The pool of the application's database user."""
    database = Database(settings.database_url, settings.database_pool_size)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


class KafkaUnavailable(Exception):
    """Kafka did not confirm a fact in time. It may still get there; facts can be sent again."""


class Facts:
    """Where facts are sent: the topic `orders`, confirmed by all replicas."""

    def __init__(self, settings: Settings) -> None:
        self.topic = settings.orders_topic
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap_servers,
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
                log.warning("kafka is away: %s", error)
                await asyncio.sleep(1)

    async def check(self) -> None:
        """Raises KafkaUnavailable or KafkaError when no broker answers."""
        if not self._started:
            raise KafkaUnavailable("not connected yet")
        await self._producer.client.fetch_all_metadata()

    async def send(self, *facts: Fact) -> None:
        """Sends facts and waits until all are confirmed. Raises KafkaUnavailable."""
        await self.send_records([(fact.order_id, encode(fact)) for fact in facts])

    async def send_records(
        self,
        records: Sequence[tuple[str, bytes]],
        topic: str | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Sends (order id, bytes) records and waits until all are confirmed. Raises KafkaUnavailable."""
        if not self._started:
            raise KafkaUnavailable("not connected yet")
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

    async def stop(self) -> None:
        """Disconnects; what is not confirmed within the time limit is given up."""
        with suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(KAFKA_SECONDS):
                await self._producer.stop()


@asynccontextmanager
async def open_facts(settings: Settings, *, wait: bool = True) -> AsyncIterator[Facts]:
    """A producer of facts. With `wait` false it connects by itself and refuses to send until it has."""
    facts = Facts(settings)
    connecting = asyncio.create_task(facts.start())
    try:
        if wait:
            await connecting
        yield facts
    finally:
        connecting.cancel()
        with suppress(asyncio.CancelledError):
            await connecting
        await facts.stop()


@asynccontextmanager
async def open_consumer(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """A ledger's consumer of the topic `orders`, which commits only when told to."""
    consumer = AIOKafkaConsumer(
        settings.orders_topic,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.ledger_group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=settings.ledger_batch,
        session_timeout_ms=6_000,  # the shortest that brokers allow: so long a killed ledger's orders wait,
        heartbeat_interval_ms=1_000,
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
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    try:
        await admin.start()
        replicas = min(3, len((await admin.describe_cluster())["brokers"]))
        topics = [
            NewTopic(settings.orders_topic, PARTITIONS, replicas),
            NewTopic(dlq_topic(settings), 1, replicas),
        ]
        answer = (await admin.create_topics(topics)).to_object()
        await _wait_for_coordinator(admin, settings.ledger_group)
    except (KafkaError, TimeoutError) as error:
        raise KafkaUnavailable(str(error) or "no answer in time") from error
    finally:
        await admin.close()
    for topic in answer["topic_errors"]:
        if topic["error_code"] not in (0, TopicAlreadyExistsError.errno):
            raise KafkaUnavailable(f"topic {topic['topic']}: {topic['error_message']}")


async def _wait_for_coordinator(admin: AIOKafkaAdminClient, group: str) -> None:
    """A new Kafka makes its topic of offsets when first asked for a group's, and says so with errors meanwhile."""
    async with asyncio.timeout(COORDINATOR_SECONDS):
        while True:
            try:
                await admin.list_consumer_group_offsets(group)
                return
            except GroupCoordinatorNotAvailableError:
                await asyncio.sleep(0.1)
