"""Kafka."""

import asyncio
import shutil
from random import Random

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from faults.night import Night
from faults.rows.common import fill_disk, kill, pause, take_down
from faults.rows.row import Sale, row


async def kill_at_produce(night: Night, sale: Sale, chance: Random) -> None:
    """It dies when the relay is about to hand it orders."""
    await night.at_step("relay", "before send", "kafka")


async def lose_the_topic(night: Night, sale: Sale, chance: Random) -> None:
    """Its log is gone; the topics are made anew."""
    settings = night.settings
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_topics([settings.orders_topic])
        await asyncio.sleep(2)
    finally:
        await admin.close()
    await asyncio.to_thread(night.command, "migrate")


async def wipe(night: Night, sale: Sale, chance: Random) -> None:
    """It is dead, and its log of orders is gone."""
    async with night.down("kafka"):
        for partition in night.kafka_data.rglob(f"{night.settings.orders_topic}-*"):
            if partition.is_dir():
                shutil.rmtree(partition)


async def poison(night: Night, sale: Sale, chance: Random) -> None:
    """Records that are no facts, between those that are."""
    settings = night.settings
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    await producer.start()
    try:
        for number in range(20):
            poison = chance.choice((b"", b"{", b"\xff\xfe", b'{"type":"OrderPlaced"}', chance.randbytes(200)))
            await producer.send_and_wait(settings.orders_topic, poison, key=str(number).encode())
            await asyncio.sleep(0.1)
    finally:
        await producer.stop()


ROWS = (
    row("kafka-killed", "Kafka: SIGKILL", kill, names=("kafka",)),
    row("kafka-killed-at-produce", "Kafka: SIGKILL when orders are about to be handed to it", kill_at_produce),
    row("kafka-stopped", "Kafka: SIGSTOP for 12 s", pause, of="kafka", seconds=12),
    row("kafka-down", "Kafka is down for 60 s", take_down, of="kafka", seconds=60),
    row("kafka-topic-lost", "the topic deleted and made anew", lose_the_topic),
    row("kafka-wiped", "Kafka: SIGKILL, and the files of the topic deleted", wipe),
    row("kafka-disk-full", "Kafka's disk is full for 5 s", fill_disk, needs_root=True, of="kafka", seconds=5),
    row("kafka-poison", "20 records that are no facts", poison, poisons=True),
)
