"""A ledger whose topic is lost and made anew goes on with the new one, without being started again."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient

from app.infra.kafka import connection_options, create_topics, open_consumer, open_producer
from app.orders.facts import records
from tests.world.books import World, in_a_world, paid
from workers.ledger import Bookkeeper

LIMIT_SECONDS = 30.0


def test_a_ledger_goes_on_with_a_topic_that_was_made_anew(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        before, after = await world.order(), await world.order()
        async with open_producer(world.settings) as producer, open_consumer(world.settings) as consumer:
            bookkeeper = Bookkeeper(consumer, world.ledger, producer, world.settings, lambda step: None)

            async def until_confirmed(order_id: str) -> None:
                while (await world.read(order_id)).status != "CONFIRMED":
                    await bookkeeper.batch()

            await producer.send(records(paid(before)))
            await until_confirmed(before)

            admin = AIOKafkaAdminClient(**connection_options(world.settings))
            await admin.start()
            await admin.delete_topics([world.settings.orders_topic])
            await admin.close()
            for _ in range(5):  # it hears that the topic is gone, and no more
                await bookkeeper.batch()
            await create_topics(world.settings)
            await producer.send(records(paid(after)))
            async with asyncio.timeout(LIMIT_SECONDS):
                await until_confirmed(after)

    in_a_world({**own_topics, "LEDGER_GROUP": own_topics["ORDERS_TOPIC"]}, story)
