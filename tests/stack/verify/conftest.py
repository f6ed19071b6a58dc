"""What these tests break would be in the way of others: they have a schema, a Redis database and topics alone."""

import asyncio
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from app.infra.kafka import create_topics, dlq_topic
from app.infra.migrations import migrate
from app.infra.mysql import Database, open_database
from app.settings import Settings


@pytest.fixture(scope="package")
def own_env(env: dict[str, str]) -> Iterator[dict[str, str]]:
    """Settings that lead to a schema, a Redis database and topics of our own."""
    mark = secrets.token_hex(4)
    owner_url = env.get("OWNER_DATABASE_URL", env["DATABASE_URL"])
    schema = f"ticketcraze_verify_{mark}"
    database_url = urlsplit(owner_url)._replace(path=f"/{schema}").geturl()
    own = env | {
        "DATABASE_URL": database_url,
        "OWNER_DATABASE_URL": database_url,
        "REDIS_URL": urlsplit(env["REDIS_URL"])._replace(path="/15").geturl(),
        "ORDERS_TOPIC": f"orders-verify-{mark}",
        "LEDGER_GROUP": f"ledger-verify-{mark}",
    }

    async def as_owner(statement: str) -> None:
        database = Database(owner_url, 1)
        await database.open()
        await database.execute(statement)
        await database.close()

    async def build() -> None:
        settings = Settings.from_environment(own)
        await create_topics(settings)
        async with open_database(settings) as database:
            await migrate(database)

    asyncio.run(as_owner(f"CREATE DATABASE {schema}"))
    try:
        asyncio.run(build())
        yield own
    finally:
        asyncio.run(as_owner(f"DROP DATABASE {schema}"))
        asyncio.run(delete_topics(Settings.from_environment(own)))


async def delete_topics(settings: Settings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    await admin.delete_topics([settings.orders_topic, dlq_topic(settings)])
    await admin.close()


@pytest.fixture
def own_topics(own_env: dict[str, str]) -> Iterator[dict[str, str]]:
    """Topics that only one test writes to."""
    env = own_env | {"ORDERS_TOPIC": f"orders-verify-{secrets.token_hex(4)}"}
    settings = Settings.from_environment(env)
    asyncio.run(create_topics(settings))
    yield env
    asyncio.run(delete_topics(settings))
