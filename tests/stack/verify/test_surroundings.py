"""`verify` looks at the processes, the topic and the dlq too."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from app.ids import new_id, new_order_id
from app.infra.kafka import KafkaUnavailable, check_kafka, dlq_topic, open_orders_log, open_producer, replay
from app.infra.keys import PROCESSES
from app.orders.facts import (
    PaymentStarted,
    records,
)
from app.settings import Settings
from app.units import now_ms
from app.watch.processes import Report
from app.watch.verify import verify
from tests.world.books import World, in_a_world, paid


async def report(world: World, name: str, pid: int, silent_ms: int = 0, **said: int) -> None:
    usual: dict[str, Any] = {"at_ms": now_ms() - silent_ms, "open_files": 30, "borrowed": 0, "sockets": 0}
    text = msgspec.json.encode(Report(name, pid, instance=str(pid), **(usual | said))).decode()
    await world.redis.hset(PROCESSES, f"{name}:{pid}", text)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"borrowed": 1}, "1 database connections do not come back"),
        ({"open_files": 500, "sockets": 100}, "500 open files, 100 sockets"),
        ({"silent_ms": 30_000}, "no other has its name"),
    ],
)
def test_a_process_that_leaks_or_died_is_told(own_env: dict[str, str], said: dict[str, int], words: str) -> None:
    async def story(world: World) -> None:
        await report(world, "web", 1)
        await report(world, "faulty", 2, **said)
        try:
            details = await world.failing()
        finally:
            await world.redis.hdel(PROCESSES, "web:1", "faulty:2")
        assert details.keys() == {10}
        assert "faulty 2" in details[10]
        assert words in details[10]

    in_a_world(own_env, story)


def test_a_process_that_works_or_was_replaced_is_not_told(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await report(world, "web", 1, silent_ms=30_000)
        await report(world, "web", 2, borrowed=1, open_files=5_000, sockets=2_500)
        verifying = asyncio.create_task(world.check())
        try:
            await asyncio.wait([verifying], timeout=1)
            await report(world, "web", 2, open_files=5_000, sockets=2_500)
            check = (await verifying)[10]
        finally:
            await world.redis.hdel(PROCESSES, "web:1", "web:2")
        assert check.detail == ""
        assert check.figures == {
            "overdue": 0,
            "processes": 1,
            "silent": 1,
            "borrowed": 0,
            "most_open_files": 5_000,
        }

    in_a_world(own_env, story)


async def ledger_commits(settings: Settings, offsets: dict[TopicPartition, int]) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.ledger_group,
        enable_auto_commit=False,
    )
    await consumer.start()
    consumer.assign(list(offsets))
    await consumer.commit(offsets)
    await consumer.stop()


def test_facts_that_the_ledger_has_not_read_are_told(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        started = PaymentStarted(
            fact_id=new_id(),
            order_id=new_order_id(world.event.id),
            occurred_at_ms=now_ms(),
            payment_id=new_id(),
            provider="sandbox",
            amount_minor=1,
            currency="USD",
        )
        partitions = [TopicPartition(world.settings.orders_topic, number) for number in range(16)]
        async with open_producer(world.settings) as producer:
            await producer.send(records(*(replace_order(started, world) for _ in range(30))))
        assert await world.failing() == {8: "lag: 30"}
        await ledger_commits(world.settings, dict.fromkeys(partitions, 0))
        assert await world.failing() == {8: "lag: 30"}
        await ledger_commits(world.settings, await ends(world.settings, partitions))
        assert await world.failing() == {}
        # A log that was lost and begun anew: the offsets lie beyond its end, and the ledger will read all of it.
        await ledger_commits(world.settings, dict.fromkeys(partitions, 10_000))
        assert await world.failing() == {8: "lag: 30"}

    in_a_world(own_topics, story)


def replace_order(fact: PaymentStarted, world: World) -> PaymentStarted:
    return msgspec.structs.replace(fact, order_id=new_order_id(world.event.id))


async def ends(settings: Settings, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
    consumer = AIOKafkaConsumer(settings.orders_topic, bootstrap_servers=settings.kafka_bootstrap_servers)
    await consumer.start()
    offsets: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    await consumer.stop()
    return offsets


def test_the_dlq_is_fine_as_long_as_every_record_says_why(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        dlq = dlq_topic(world.settings)
        async with open_producer(world.settings) as producer:
            await producer.send([("a", b"?"), ("b", b"?")], dlq, [("reason", b"no fact")])
            await producer.send([("c", b"!")], dlq, [("reason", b"unknown")])
            check = (await world.check())[8]
            assert check.ok
            assert check.figures == {
                "outbox": 0, "lag": 0, "refunds_pending": 0, "late_charges": 0, "dlq": 3,
                "dlq: no fact": 2, "dlq: unknown": 1,
            }  # fmt: skip
            await producer.send([("d", b"?")], dlq)
        assert await world.failing() == {8: "dlq record 0:3: no reason"}

    in_a_world(own_topics, story)


def test_money_in_the_dlq_is_told_until_it_is_replayed_or_booked(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        money = paid(new_order_id(world.event.id))
        async with open_producer(world.settings) as producer:
            await producer.send(records(money), dlq_topic(world.settings), [("reason", b"it could not be")])
            assert (await world.failing()).keys() == {8}
            async with open_orders_log(world.settings) as log:
                (letter,) = await log.dlq()
                assert (letter.id, letter.reason) == ("0:0", "it could not be")
                await replay(world.settings, producer, letter)
                assert await log.dlq() == []
            assert await world.failing() == {8: "lag: 1"}, "the fact is on its way to the ledger again"

            await producer.send(records(money), dlq_topic(world.settings), [("reason", b"again")])
            await world.write(money)
            assert await world.failing() == {8: "lag: 1"}, "what is in the books by another way is no trouble"

    in_a_world(own_topics, story)


def test_a_server_that_is_away_is_an_error_of_its_client(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        nowhere = replace(world.settings, kafka_bootstrap_servers="127.0.0.1:9")
        with pytest.raises(KafkaUnavailable, match=r"127\.0\.0\.1"):
            await verify(nowhere, world.redis, world.database, world.event, 0)

    in_a_world(own_env, story)


def test_looking_whether_kafka_is_well_makes_no_topic(own_env: dict[str, str]) -> None:
    async def look() -> None:
        settings = replace(Settings.from_environment(own_env), orders_topic=f"nobody-made-{new_id()}")
        for _ in range(2):  # had the first look made them, the second would be content
            with pytest.raises(KafkaUnavailable, match=f"missing topics: {settings.orders_topic}"):
                await check_kafka(settings)

    asyncio.run(look())
