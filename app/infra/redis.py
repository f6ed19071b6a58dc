"""Opens Redis, and says when Redis has no sale to answer for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.infra.keys import once_key
from app.settings import Settings

REDIS_CONNECTIONS = 32
REDIS_SECONDS = 2.0


class NotReady(Exception):
    """Redis does not have this sale (yet, or any more), or is being rebuilt from the books."""


class Restarted(RedisError):
    """Redis was started since, and nobody has compared it with the books yet: as good as unavailable."""


class NotCopied(RedisError):
    """Too few replicas have what was just done: it may be lost with this Redis, so nobody is told of it."""


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
        **({"ssl_ca_certs": settings.redis_ca} if settings.redis_ca else {}),
    )
    redis = kind(connection_pool=pool)
    try:
        yield redis
    finally:
        await redis.aclose()
        await pool.aclose()


async def remembered(redis: Redis, use: str, text: str, value: str, seconds: int) -> str | None:
    """What `text` was remembered with before, within so many seconds; None when it is with `value` from now on."""
    return cast(str | None, await redis.set(_mark(use, text), value, nx=True, get=True, ex=seconds))


async def forget(redis: Redis, use: str, text: str) -> None:
    """Takes back what was remembered or used."""
    await redis.delete(_mark(use, text))


def _mark(use: str, text: str) -> str:
    return once_key(use, sha256(text.encode()).hexdigest()[:32])


async def first_time(redis: Redis, use: str, text: str, seconds: int) -> bool:
    """Whether `text` (a token, say) is used for the first time within so many seconds; from now on it was used."""
    return bool(await redis.set(_mark(use, text), "1", nx=True, ex=seconds))
