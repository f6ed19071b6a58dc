"""A world of its own beside the stack: the same servers, but its own databases, topics, group and ports.

For tests that break something on purpose, or must not have the stack's own workers do their work for them.
"""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

from aiokafka.admin import AIOKafkaAdminClient
from redis import Redis

from app.infra.kafka import create_topics, dlq_topic
from app.infra.migrations import migrate
from app.infra.mysql import Database
from app.settings import Settings
from tests.world.machine import free_port
from tests.world.stack import Stack

# Redis has 16 databases, and the stack is in the first.
_free_redis_databases = set(range(1, 16))


@asynccontextmanager
async def scratch(env: dict[str, str], name: str) -> AsyncIterator[Database]:
    """An empty database of its own, for the owner, gone afterwards."""
    owner = Database(env["OWNER_DATABASE_URL"], 1)
    database = Database(_named(env["OWNER_DATABASE_URL"], f"ticketcraze_{name}"), 4)
    await owner.open()
    try:
        await owner.execute(f"DROP DATABASE IF EXISTS `ticketcraze_{name}`")
        await owner.execute(f"CREATE DATABASE `ticketcraze_{name}` CHARACTER SET utf8mb4")
        await database.open()
        yield database
    finally:
        await database.close()
        await owner.execute(f"DROP DATABASE IF EXISTS `ticketcraze_{name}`")
        await owner.close()


@contextmanager
def apart(stack: Stack, **extra: str) -> Iterator[dict[str, str]]:
    """The environment of such a world, with `extra` settings. No process works in it yet."""
    mark = f"apart_{uuid.uuid4().hex[:8]}"
    database_url = _named(stack.env["OWNER_DATABASE_URL"], f"ticketcraze_{mark}")
    port, sandbox_port = free_port(), free_port()
    with own_redis(stack.env) as redis_env:
        env = redis_env | {
            "DATABASE_URL": database_url,
            "OWNER_DATABASE_URL": database_url,
            "LEDGER_GROUP": f"ledger_{mark}",
            "PORT": str(port),
            "WEB_PROCESSES": "1",
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "SANDBOX_PORT": str(sandbox_port),
            "SANDBOX_URL": f"http://127.0.0.1:{sandbox_port}",
            "SANDBOX_DATA": str(stack.folder / f"{mark}.sqlite"),
            **extra,
        }
        with asyncio.Runner() as runner:
            books = scratch(stack.env, mark)
            database = runner.run(books.__aenter__())
            try:
                runner.run(prepare_books(database))
                with own_topics(env) as own:
                    yield own
            finally:
                runner.run(books.__aexit__(None, None, None))


@contextmanager
def own_redis(env: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment with a database of Redis that nobody else uses, empty before and afterwards."""
    number = _free_redis_databases.pop()
    own = {**env, "REDIS_URL": _named(env["REDIS_URL"], str(number))}
    with Redis.from_url(own["REDIS_URL"]) as redis:
        redis.flushdb()
        try:
            yield own
        finally:
            redis.flushdb()
            _free_redis_databases.add(number)


@contextmanager
def own_topics(env: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment with new topics, gone afterwards; named as in `env`, with a mark."""
    topic = f"{Settings.from_environment(env).orders_topic}_{uuid.uuid4().hex[:8]}"
    own = {**env, "ORDERS_TOPIC": topic}
    settings = Settings.from_environment(own)

    async def delete() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
        await admin.start()
        await admin.delete_topics([settings.orders_topic, dlq_topic(settings)])
        await admin.close()

    asyncio.run(create_topics(settings))
    try:
        yield own
    finally:
        asyncio.run(delete())


async def prepare_books(database: Database) -> None:
    """Empty books, whose events meet no others: the channels of pub/sub are shared by all databases of a Redis."""
    await migrate(database)
    first = random.randrange(10**6, 10**9)  # noqa: S311  # no secret
    await database.execute(f"ALTER TABLE events AUTO_INCREMENT = {first}")


def _named(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()
